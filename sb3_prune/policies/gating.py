"""Gating: insert a gate behind every hidden layer where a gate can stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch import nn

from sb3_prune.gates import Gate
from sb3_prune.policies.gate_trial import OpenTrial, leaks
from sb3_prune.surgery.flow.known import is_known
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.wiring import wire


def insert_gates(policy: nn.Module) -> None:
    """Insert a :class:`Gate` behind each hidden layer that can have one, in place.

    The gate is inserted into the ``nn.Sequential`` that holds the module which computes
    the units. It stands behind the activation and any normalisation, right before the
    module that reads the units or moves their axis. If the computing module is called
    ``<i>``, the gate is called ``gate<i>``. All other modules stay the same objects
    under the same names, so stock weights load and optimisers stay valid. A second call
    changes nothing.

    Some layers get no gate; they can be pruned, but not masked:

    - layers whose units are computed by several modules, or by a module that stands
      outside of a Sequential, in several places, or in an LSTM;
    - in a policy with modules of your own, layers where an open gate would change an
      output, or whose units bypass the gate (see :mod:`.gate_trial`).

    Args:
        policy: A policy with its target networks.

    Raises:
        UnsupportedPolicyError: The policy cannot be traced. It is unchanged.
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
    """A place where a gate can stand."""

    parent: nn.Sequential
    """Sequential that is to hold the gate."""
    behind: str
    """Name of the module right before the gate."""
    name: str
    """Name of the gate in the Sequential."""
    gate: Gate
    """The gate itself."""

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
    """Restore the modules of every Sequential if the block raises."""
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
    """Yield the place of each layer that can have a gate and has none yet."""
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
    """Return the Sequential of each module, and the module's name in it.

    Modules that stand in several places are left out.
    """
    found = defaultdict(list)
    for parent in policy.modules():
        if isinstance(parent, nn.Sequential):
            for name, child in parent._modules.items():
                if child is not None:
                    found[child].append((parent, name))
    return {child: where[0] for child, where in found.items() if len(where) == 1}


def _is_alone(layer: HiddenLayer) -> bool:
    """Tell whether a single module computes the units."""
    rows = [slot.owner for slot in layer.group.slots if slot.side is Side.ROWS]
    return all(owner is layer.module for owner in rows)


def _last_between(layer: HiddenLayer, parent: nn.Sequential, name: str) -> str:
    """Return the name of the module behind which the gate of a layer can stand."""
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
    """Return the axis of the units in a module's output, counted from the end."""
    if isinstance(module, nn.modules.conv._ConvNd):
        return -len(module.kernel_size) - 1
    return -1


def _put_all(places: Sequence[_Place]) -> list[_Place]:
    for place in places:
        place.put()
    return list(places)


def _put_harmless(policy: nn.Module, places: Sequence[_Place]) -> list[_Place]:
    """Insert the gates that change no output; return their places."""
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
    """Remove gates that the trace does not find behind a hidden layer.

    A layer and its twins in the target networks keep their gates only if all have one.
    Returns the places of the gates that stay.
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
    """Remove gates that units can bypass.

    All gates are tested together. If that test fails, each layer is tested alone. If
    every layer passes alone, all gates are removed.
    """
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
