"""Collect: the groups of units that a tracer found, with every stretch they have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from torch import nn
from torch.nn.utils import parametrize

from sb3_prune.gates import Gate
from sb3_prune.surgery.flow.axes import Axis, Units, resolve, roots
from sb3_prune.surgery.flow.groups import Group, Width
from sb3_prune.surgery.flow.quiet import noise
from sb3_prune.surgery.flow.slots import Key, Read, Side, Slot
from sb3_prune.surgery.flow.tags import Arrival
from sb3_prune.surgery.flow.tracer import Tracer

OUTPUT = "output of "
"""Beginning of the reason why outputs of the agent are fixed."""
UNREAD = "no weight is known to read them"
LOST = f"{UNREAD}; it is an output, or code that torch cannot watch reads it"
IN_TRAINING = "only code of the training mode reads them"
_ZERO = ("bias", "mean")
"""Suffixes of the names of tensors that are 0 for a new unit."""
_OF_MODULE = ("weight", "bias", "weight_g", "weight_orig", "weight_v")
"""Parameters whose units are named after the module that holds the parameter."""
_PARAMETRIZED = ".parametrizations."
"""In paths of tensors from which torch computes a weight anew at every use."""
_REMOVERS = {"weight_g": "remove_weight_norm", "weight_u": "remove_spectral_norm"}
"""Tensor of an older kind of parametrization -> what turns the weight into a plain one.
"""


class Groups:
    """Collects what a tracer learnt about each group of units."""

    def __init__(
        self,
        policy: nn.Module,
        tracer: Tracer,
        widths: Mapping[tuple[nn.Module, str], Axis],
        gates: Sequence[tuple[Gate, Axis]],
    ) -> None:
        self.tracer, self.widths, self.gates = tracer, widths, gates
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
        found = [self._group(units) for units in made]
        return [*found, *self._nowhere({group.name for group in found})]

    def _nowhere(self, taken: set[str]) -> Iterator[Group]:
        """Yield the hidden layers whose units no rule could find, without slots."""
        for key, tensor in self.tracer.tensors.items():
            axes = self.tracer.tags[key].axes
            is_hidden = key in self.tracer.lineage.read or self._is_lost(key)
            is_known = any(self._makes(key, axis) for axis in range(len(axes)))
            if tensor.ndim > 1 and is_hidden and not is_known:
                fixed = [units.fixed for axis in axes for units in roots(axis)]
                why = next(filter(None, fixed), "no rule finds its units")
                group = self._without_slots(key, why)
                if group.name not in taken:
                    taken.add(group.name)
                    yield group

    def _without_slots(self, key: int, why: str) -> Group:
        names = list(map(self._maker, self.tracer.paths[key]))
        owner = self._host(key)
        return Group(
            name=names[0],
            aliases=tuple(names),
            module=owner,
            units=len(self.tracer.tensors[key]),
            born=self.tracer.calls,
            fixed=_why_fixed(why, owner),
            hidden=True,
        )

    def _host(self, key: int) -> nn.Module:
        """Return the module that computes with a tensor, even if it parametrizes it."""
        path = self.tracer.paths[key][0].rpartition(".")[0]
        module: nn.Module = self.modules[path.partition(_PARAMETRIZED)[0]]
        return module

    def _rows(self, held: list[tuple[int, Slot]]) -> list[tuple[int, Slot]]:
        rows = [(key, slot) for key, slot in held if slot.side is Side.ROWS]
        return [row for row in rows if not self._parametrizes(row[0])]

    def _parametrizes(self, key: int) -> bool:
        """Tell whether a tensor only helps to compute a parametrized weight."""
        path = self.tracer.paths[key][0]
        name = path.rpartition(".")[2]
        return _PARAMETRIZED in path and not name.startswith("original")

    def _group(self, units: Units) -> Group:
        held = self.keys[units]
        key, first = self._rows(held)[0]
        slots = tuple(slot for _, slot in held)
        names = tuple(self._names(units, key, first))
        return Group(
            name=names[0],
            aliases=names,
            module=self._host(key),
            units=units.size,
            slots=slots,
            reads=tuple(self._reads(held)),
            widths=tuple(self._widths(units)),
            gates=self._gates(units),
            fixed=_why_fixed(units.fixed or self._unread(held), self._host(key)),
            mixes=frozenset(units.mixes),
            soft=frozenset(units.soft),
            unfoldable=frozenset(units.unfoldable),
            two_sided=self._is_two_sided(held),
            doubled=any((key, s.axis) in self.tracer.doubled for key, s in held),
            composed=self._composed(held),
            hidden=self._is_hidden(units, held),
            born=min(self.tracer.born[key] for key, _ in self._rows(held)),
        )

    def _names(self, units: Units, key: int, first: Slot) -> Iterator[str]:
        """Name units after the module that makes them, or after its parameter."""
        along = list(dict.fromkeys(roots(self.tracer.tags[key].axes[first.axis])))
        suffix = "" if len(along) == 1 else f"[{along.index(units)}]"
        makes = [a for a in range(first.axis) if self._makes(key, a)]
        suffix = (".T" if makes else "") + suffix
        for path in self.tracer.paths[key]:
            yield self._maker(path) + suffix

    def _maker(self, path: str) -> str:
        """Return the path of the module that a parameter is named after, or its own."""
        owner, _, attribute = path.rpartition(".")
        is_cell = isinstance(self.modules[owner], nn.RNNBase | nn.RNNCellBase)
        if isinstance(self.modules[owner], parametrize.ParametrizationList):
            return owner.partition(_PARAMETRIZED)[0]
        return owner if is_cell or attribute in _OF_MODULE else path

    def _is_hidden(self, units: Units, held: list[tuple[int, Slot]]) -> bool:
        """Tell whether another weight reads the units, even in an unknown way."""
        if any(slot.side is Side.COLUMNS for _, slot in held):
            return True
        keys = [key for key, _ in self._rows(held)]
        read = any(key in self.tracer.lineage.read for key in keys)
        return (read or any(map(self._is_lost, keys))) and not (
            units.fixed or ""
        ).startswith(OUTPUT)

    def _makes(self, key: int, axis: int) -> bool:
        return self.tracer.sides.get((key, axis)) is Side.ROWS

    def _is_two_sided(self, held: list[tuple[int, Slot]]) -> bool:
        return any((key, slot.axis) in self.tracer.two_sided for key, slot in held)

    def _composed(self, held: list[tuple[int, Slot]]) -> frozenset[Side]:
        places = self.tracer.composed
        sides = {slot.side for key, slot in held if (key, slot.axis) in places}
        return frozenset(sides - {Side.NOISE, Side.UNIT})

    def _unread(self, held: list[tuple[int, Slot]]) -> str | None:
        readers = [key for key, slot in held if slot.side is Side.COLUMNS]
        if readers and all(map(self._is_new, readers)):
            return IN_TRAINING
        if readers or self._is_two_sided(held):
            return None
        return LOST if any(self._is_lost(key) for key, _ in held) else UNREAD

    def _is_lost(self, key: int) -> bool:
        """Tell whether what a weight makes is lost from sight; losses are not."""
        return key in self.tracer.lineage.lost and not self._is_new(key)

    def _is_new(self, key: int) -> bool:
        """Tell whether only code of the training mode has used a tensor."""
        return min(self.tracer.uses[key]) >= self.tracer.evaluated

    def _reads(self, held: list[tuple[int, Slot]]) -> Iterator[Read]:
        for arrival in self.tracer.arrivals:
            if arrival.call >= self.tracer.evaluated:
                return  # Recordings and folding run the evaluation mode.
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

    def _owner(self, key: int | None) -> Key | None:
        if key is None or key not in self.tracer.tensors:
            return None
        path, _, attribute = self.tracer.paths[key][0].rpartition(".")
        return self.modules[path], attribute

    def _widths(self, units: Units) -> Iterator[Width]:
        for (owner, attribute), axis in self.widths.items():
            block = sum(b for other, b in resolve(axis) if other is units)
            if block:
                yield Width(owner, attribute, block)

    def _gates(self, units: Units) -> tuple[Gate, ...]:
        found = [g for g, axis in self.gates if resolve(axis) == [(units, 1)]]
        return tuple(dict.fromkeys(found))


def _why_fixed(why: str | None, owner: nn.Module) -> str | None:
    """Add how to free the units of a layer whose weights every forward recomputes."""
    if why is None or why.startswith(OUTPUT):
        return why
    if parametrize.is_parametrized(owner):
        return f"{why}; call torch.nn.utils.parametrize.remove_parametrizations first"
    for attribute, remover in _REMOVERS.items():
        if hasattr(owner, attribute):
            return f"{why}; call torch.nn.utils.{remover} first"
    return why
