"""Trace: the groups of hidden units of a policy, found by running it once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn
from torch.nn.utils import parametrize

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.gates import OPTIONAL, Gate
from sb3_prune.surgery.flow.axes import Axis, Units, fix, resolve, roots
from sb3_prune.surgery.flow.forwards import all_forwards, sample_inputs
from sb3_prune.surgery.flow.groups import Group, Width
from sb3_prune.surgery.flow.names import leaves
from sb3_prune.surgery.flow.quiet import noise, quiet
from sb3_prune.surgery.flow.slots import Read, Side, Slot
from sb3_prune.surgery.flow.tags import Arrival
from sb3_prune.surgery.flow.tracer import Tracer
from sb3_prune.surgery.flow.unseen import unseen_readers

NORMS = nn.LayerNorm | nn.RMSNorm
UNREAD = "nothing that was traced reads them"
_ZERO = ("bias", "mean")
"""Suffixes of the names of tensors that are 0 for a new unit."""
_OF_MODULE = ("weight", "bias", "weight_g", "weight_orig")
"""Parameters whose units are named after the module that holds the parameter."""


def trace(policy: nn.Module) -> list[Group]:
    """Run every forward of a policy, and return the groups of its hidden units.

    Args:
        policy: A policy with its target networks; it is left as it was.

    Raises:
        UnsupportedPolicyError: A forward fails on inputs drawn from the spaces.
    """
    with quiet(policy), _open_gates(policy) as gates:
        watch = _Watch(policy, gates)
        watch.run(policy)
    return watch.groups(policy)


@contextmanager
def _open_gates(policy: nn.Module) -> Iterator[list[Gate]]:
    """Take the tensors of all gates away, so that gates change nothing."""
    gates = [module for module in policy.modules() if isinstance(module, Gate)]
    before = [{name: getattr(gate, name) for name in OPTIONAL} for gate in gates]
    try:
        for gate in gates:
            for name in OPTIONAL:
                setattr(gate, name, None)
        yield gates
    finally:
        for gate, tensors in zip(gates, before, strict=True):
            for name, tensor in tensors.items():
                setattr(gate, name, tensor)


class _Watch:
    """A tracer, with hooks that record the units at gates and in stored widths."""

    def __init__(self, policy: nn.Module, gates: list[Gate]) -> None:
        self.tracer = Tracer(policy)
        self.gates: list[tuple[Gate, Axis]] = []
        self.widths: dict[tuple[nn.Module, str], Axis] = {}
        self._gates = gates

    def run(self, policy: nn.Module) -> None:
        """Run every forward once."""
        inputs = sample_inputs(policy)
        assert inputs.actions is not None
        with ExitStack() as stack:
            for handle in self._hooks(policy):
                stack.callback(handle.remove)
            for module in policy.modules():
                if (distribution := noise(module)) is not None:
                    with self.tracer:  # gSDE's noise matrices depend on log_std.
                        log_std = module.get_parameter("log_std")
                        distribution.sample_weights(log_std, len(inputs.actions))
            for name, call in all_forwards(policy, inputs):
                self._run(policy, name, call)
        for axis, why in unseen_readers(policy, self.tracer):
            fix(axis, why)

    def _run(self, policy: nn.Module, name: str, call: Any) -> None:
        try:
            with self.tracer:
                result = call()
        except Exception as error:
            raise UnsupportedPolicyError(
                f"The forward '{name}' of {type(policy).__name__} fails on inputs "
                f"drawn from its spaces: {type(error).__name__}: {error}"
            ) from error
        self.tracer.fix_all(leaves(result), f"output of {name}")

    def _hooks(self, policy: nn.Module) -> Iterator[Any]:
        for gate in self._gates:
            yield gate.register_forward_pre_hook(self._passes)
        for module in policy.modules():
            if isinstance(module, BaseFeaturesExtractor):
                yield module.register_forward_hook(self._extracts)
            elif isinstance(module, NORMS) and module.weight is None:
                yield module.register_forward_pre_hook(self._normalises)

    def _passes(self, gate: nn.Module, args: Any) -> None:
        assert isinstance(gate, Gate)
        self.gates.append((gate, self.tracer.axes(args[0])[gate.axis]))

    def _extracts(self, module: nn.Module, args: Any, out: Any) -> None:
        del args  # The module stores the width of its output only.
        if isinstance(out, torch.Tensor):
            self.widths[module, "_features_dim"] = self.tracer.axes(out)[-1]

    def _normalises(self, module: nn.Module, args: Any) -> None:
        self.widths[module, "normalized_shape"] = self.tracer.axes(args[0])[-1]

    def groups(self, policy: nn.Module) -> list[Group]:
        """Return the groups in the order in which the policy holds their weights."""
        return _Groups(policy, self).all()


class _Groups:
    """Collects what a tracer learnt about each group of units."""

    def __init__(self, policy: nn.Module, watch: _Watch) -> None:
        self.watch, self.tracer = watch, watch.tracer
        self.modules = dict(policy.named_modules(remove_duplicate=False))
        self.keys: dict[Units, list[tuple[int, Slot]]] = defaultdict(list)
        for key in self.tracer.tensors:
            if key in self.tracer.seen:
                for units, slot in self._slots(key):
                    self.keys[units].append((key, slot))

    def _slots(self, key: int) -> Iterator[tuple[Units, Slot]]:
        path, _, attribute = self.tracer.paths[key][0].rpartition(".")
        owner = self.modules[path]
        for axis, segments in enumerate(self.tracer.tags[key].axes):
            side = self.tracer.sides.get((key, axis), Side.UNIT)
            if attribute == "log_std" and noise(owner) is not None:
                side = Side.NOISE
            added = (key, axis) in self.tracer.shifts
            neutral = 0.0 if added or attribute.endswith(_ZERO) else 1.0
            at = 0
            for units, block in resolve(segments):
                yield units, Slot(owner, attribute, axis, side, at, block, neutral)
                at += units.size * block

    def all(self) -> list[Group]:
        """Return every group whose units are computed by a weight."""
        order = {key: i for i, key in enumerate(self.tracer.tensors)}
        rows = {units: self._rows(held) for units, held in self.keys.items()}
        made = [units for units, held in rows.items() if held]
        made.sort(key=lambda units: order[rows[units][0][0]])
        return [self._group(units) for units in made]

    @staticmethod
    def _rows(held: list[tuple[int, Slot]]) -> list[tuple[int, Slot]]:
        return [(key, slot) for key, slot in held if slot.side is Side.ROWS]

    def _group(self, units: Units) -> Group:
        held = self.keys[units]
        key, first = self._rows(held)[0]
        slots = tuple(slot for _, slot in held)
        names = tuple(self._names(units, key, first))
        return Group(
            name=names[0],
            aliases=names,
            module=first.owner,
            units=units.size,
            slots=slots,
            reads=tuple(self._reads(held)),
            widths=tuple(self._widths(units)),
            gates=self._gates(units),
            fixed=_why_fixed(units.fixed or self._unread(held), first.owner),
            mixes=frozenset(units.mixes),
            soft=frozenset(units.soft),
            unfoldable=frozenset(units.unfoldable),
            two_sided=self._is_two_sided(held),
            doubled=any((key, s.axis) in self.tracer.doubled for key, s in held),
            born=min(self.tracer.born[key] for key, _ in self._rows(held)),
        )

    def _names(self, units: Units, key: int, first: Slot) -> Iterator[str]:
        """Name units after the module that makes them, or after its parameter."""
        along = list(dict.fromkeys(roots(self.tracer.tags[key].axes[first.axis])))
        suffix = "" if len(along) == 1 else f"[{along.index(units)}]"
        makes = [a for a in range(first.axis) if self._makes(key, a)]
        suffix = (".T" if makes else "") + suffix
        is_cell = isinstance(first.owner, nn.RNNBase | nn.RNNCellBase)
        of_module = is_cell or first.attribute in _OF_MODULE
        for path in self.tracer.paths[key]:
            yield (path.rpartition(".")[0] if of_module else path) + suffix

    def _makes(self, key: int, axis: int) -> bool:
        return self.tracer.sides.get((key, axis)) is Side.ROWS

    def _is_two_sided(self, held: list[tuple[int, Slot]]) -> bool:
        return any((key, slot.axis) in self.tracer.two_sided for key, slot in held)

    def _unread(self, held: list[tuple[int, Slot]]) -> str | None:
        is_read = any(slot.side is Side.COLUMNS for _, slot in held)
        if is_read or self._is_two_sided(held):
            return None
        return UNREAD

    def _reads(self, held: list[tuple[int, Slot]]) -> Iterator[Read]:
        for arrival in self.tracer.arrivals:
            for key, slot in held:
                if (key, slot.axis) == (arrival.weight, arrival.axis):
                    yield self._read(slot, arrival)

    def _read(self, slot: Slot, arrival: Arrival) -> Read:
        added = {
            other.call
            for other in self.tracer.arrivals
            if (other.weight, other.bias) == (arrival.weight, arrival.bias)
        }
        uses = self.tracer.uses.get(arrival.bias or 0, set())
        bias = self._owner(arrival.bias)
        return Read(slot, arrival.input_axis, bias, arrival.exact, uses > added)

    def _owner(self, key: int | None) -> tuple[nn.Module, str] | None:
        if key is None or key not in self.tracer.tensors:
            return None
        path, _, attribute = self.tracer.paths[key][0].rpartition(".")
        return self.modules[path], attribute

    def _widths(self, units: Units) -> Iterator[Width]:
        for (owner, attribute), axis in self.watch.widths.items():
            block = sum(b for other, b in resolve(axis) if other is units)
            if block:
                yield Width(owner, attribute, block)

    def _gates(self, units: Units) -> tuple[Gate, ...]:
        found = [g for g, axis in self.watch.gates if resolve(axis) == [(units, 1)]]
        return tuple(dict.fromkeys(found))


def _why_fixed(why: str | None, owner: nn.Module) -> str | None:
    """Add how to free the units of a layer whose weights every forward recomputes."""
    if why is not None and parametrize.is_parametrized(owner):
        return f"{why}; call torch.nn.utils.parametrize.remove_parametrizations first"
    if why is not None and hasattr(owner, "weight_g"):
        return f"{why}; call torch.nn.utils.remove_weight_norm first"
    return why
