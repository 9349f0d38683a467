"""Gating: a gate behind every hidden layer of a policy that has a place for one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch import nn

from sb3_prune.gates import Gate
from sb3_prune.policies.gate_trial import OpenTrial, leaks
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.trial import is_known
from sb3_prune.surgery.wiring import wire


def insert_gates(policy: nn.Module) -> None:
    """Put a :class:`Gate` behind every hidden layer of a policy, in place.

    A gate stands in the ``nn.Sequential`` of what computes the units, after the
    activation and any normalisation, right before what reads them or moves their axis,
    under the name ``gate<i>``. All other modules keep their names and identity, so
    stock weights load and optimisers stay valid. Calling it twice changes nothing.

    A layer has no such place if its units are computed by several modules, outside of a
    Sequential, in several places, or inside an LSTM: it can be cut, but not masked. So
    it is, in a policy with modules of one's own, where a gate would change what the
    agent says, or where units leave by a path around it (see :mod:`.gate_trial`).

    Args:
        policy: A policy, targets included.

    Raises:
        UnsupportedPolicyError: The policy cannot be traced; it is as it was.
    """
    with _undone_on_error(policy):
        places = list(_places(policy))
        known = is_known(policy)
        made = _put_all(places) if known else _put_harmless(policy, places)
        made = _keep_passed(policy, made)
        if not known:
            _keep_tight(policy, made)


@dataclass(frozen=True)
class _Place:
    """Where a gate can stand."""

    parent: nn.Sequential
    """What it stands in."""
    behind: str
    """Name of the module that it stands behind."""
    name: str
    """Its own name."""
    gate: Gate
    """The gate."""

    def put(self) -> None:
        children = list(self.parent._modules.items())
        self.parent._modules.clear()
        for name, module in children:
            self.parent.add_module(name, module)
            if name == self.behind:
                self.parent.add_module(self.name, self.gate)

    def take(self) -> None:
        delattr(self.parent, self.name)


@contextmanager
def _undone_on_error(policy: nn.Module) -> Iterator[None]:
    """Put back the modules of every Sequential if the block raises."""
    parents = [m for m in policy.modules() if isinstance(m, nn.Sequential)]
    before = [(parent._modules, dict(parent._modules)) for parent in parents]
    try:
        yield
    except BaseException:
        for modules, children in before:
            modules.clear()
            modules.update(children)
        raise


def _places(policy: nn.Module) -> Iterator[_Place]:
    """Yield a place for every layer that has one, and no gate yet."""
    parents = _parents(policy)
    for layer in wire(policy).values():
        for twin in layer.with_targets():
            if not twin.group.gates and twin.module in parents and _is_alone(twin):
                parent, name = parents[twin.module]
                gate = Gate(_axis(twin.module)).train(parent.training)
                last = _last_between(twin, parent, name)
                if not hasattr(parent, f"gate{name}"):
                    yield _Place(parent, last, f"gate{name}", gate)


def _parents(policy: nn.Module) -> dict[nn.Module, tuple[nn.Sequential, str]]:
    """Return where each module stands that stands in one Sequential, and once."""
    found = defaultdict(list)
    for parent in policy.modules():
        if isinstance(parent, nn.Sequential):
            for name, child in parent._modules.items():
                if child is not None:
                    found[child].append((parent, name))
    return {child: where[0] for child, where in found.items() if len(where) == 1}


def _is_alone(layer: HiddenLayer) -> bool:
    """Tell whether one module alone computes the units."""
    rows = [slot.owner for slot in layer.group.slots if slot.side is Side.ROWS]
    return all(owner is layer.module for owner in rows)


def _last_between(layer: HiddenLayer, parent: nn.Sequential, name: str) -> str:
    """Return the name of the last module before what reads the units."""
    readers = {slot.owner for slot in layer.readers}
    names = list(parent._modules)
    last = name
    for other in names[names.index(name) + 1 :]:
        module = parent.get_submodule(other)
        moves = isinstance(module, nn.Flatten | nn.Unflatten | nn.Sequential)
        if moves or readers & set(module.modules()):
            break
        last = other
    return last


def _axis(module: nn.Module) -> int:
    """Return where the units are in what a module returns, counted from the end."""
    if isinstance(module, nn.modules.conv._ConvNd):
        return -len(module.kernel_size) - 1
    return -1


def _put_all(places: Sequence[_Place]) -> list[_Place]:
    for place in places:
        place.put()
    return list(places)


def _put_harmless(policy: nn.Module, places: Sequence[_Place]) -> list[_Place]:
    """Put the gates that change no output; return their places."""
    trial = OpenTrial(policy) if places else None
    if trial is None or (_put_all(places) and trial.passes()):
        return list(places)
    for place in places:
        place.take()
    kept = []
    for place in places:
        place.put()
        if trial.passes():
            kept.append(place)
        else:
            place.take()
    return kept


def _keep_passed(policy: nn.Module, made: Sequence[_Place]) -> list[_Place]:
    """Take gates away again that were not found to pass the units of a layer.

    The layer of a target has one if that of the online network has.
    """
    used: set[Gate] = set()
    for layer in wire(policy).values() if made else ():
        twins = layer.with_targets()
        if all(twin.group.gates for twin in twins):
            used.update(gate for twin in twins for gate in twin.group.gates)
    for place in made:
        if place.gate not in used:
            place.take()
    return [place for place in made if place.gate in used]


def _keep_tight(policy: nn.Module, made: Sequence[_Place]) -> None:
    """Take gates away again that units pass by; together first, then one by one."""
    places = {place.gate: place for place in made}
    gated = [
        [twin for twin in layer.with_targets() if twin.gate in places]
        for layer in wire(policy).values()
    ]
    layers = [twins for twins in gated if twins]
    if not layers or not leaks(policy, [twin for twins in layers for twin in twins]):
        return
    leaking = [twins for twins in layers if leaks(policy, twins)]
    for twin in (twin for twins in leaking or layers for twin in twins):
        for gate in twin.group.gates:
            if gate in places:
                places[gate].take()
