"""Ports: the weights through which observations and actions enter a policy."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from sb3_prune.surgery.flow.axes import Axis, Units, opaque, resolve
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.flow.quiet import quiet
from sb3_prune.surgery.flow.slots import Slot
from sb3_prune.surgery.flow.trace import Watch, open_gates

OBSERVATIONS, ACTIONS = "observations", "actions"
BATCH_AND_ENTRIES = 2


@dataclass(frozen=True)
class Port:
    """Entries of an input of a policy, and every tensor that has one value for each."""

    entries: int
    """Number of entries of the input."""
    slots: tuple[Slot, ...]
    """The columns of weights that read the entries, and scales of single entries; those
    of target networks included."""
    opaque: str | None
    """Why not all uses of the entries are known; None if they are."""


def find_ports(policy: nn.Module) -> dict[str, Port]:
    """Find the weights that read each vector that a policy gets, by running it.

    Args:
        policy: The policy, with its target networks; it is left as it was.

    Returns:
        The ports by name: ``observations``, or ``observations.<key>`` for each entry of
        a dictionary, and ``actions`` if networks read them.

    Raises:
        UnsupportedPolicyError: A forward fails on inputs drawn from the spaces.
    """
    with quiet(policy), open_gates(policy) as gates:
        watch = _PortWatch(policy, gates)
        watch.run(policy)
    held = watch.groups(policy).keys
    return {
        name: _port(axes, [[slot for _, slot in held[u]] for u, _ in resolve(axes[-1])])
        for name, axes in watch.entered.items()
    }


def _port(axes: list[Axis], slots: list[list[Slot]]) -> Port:
    units = [units for units, _ in resolve(axes[-1])]
    why = next((each.fixed for each in units if each.fixed is not None), None)
    if len(axes) != BATCH_AND_ENTRIES:
        why = "it is no vector"
    elif why is None and len(units) > 1:
        why = "the policy's code takes it apart"
    elif why is None and (mixes := sorted(set().union(*(u.mixes for u in units)))):
        why = f"{', '.join(mixes)} mixes them"
    entries = sum(each.size for each in units)
    return Port(entries, tuple(slot for part in slots for slot in part), why)


class _PortWatch(Watch):
    """Follows the inputs themselves.

    Attributes:
        entered: The axes of every input, by the name of its port.
    """

    def inputs(self, policy: nn.Module) -> Inputs:
        """Return what the forwards run on, after noting its axes."""
        found = super().inputs(policy)
        seen = found.observations
        named = (
            {f"{OBSERVATIONS}.{key}": tensor for key, tensor in seen.items()}
            if isinstance(seen, dict)
            else {OBSERVATIONS: seen}
        )
        assert found.actions is not None
        self.entered = {
            name: self._enter(tensor)
            for name, tensor in {**named, ACTIONS: found.actions}.items()
            if tensor.ndim > 1
        }
        return found

    def _enter(self, tensor: torch.Tensor) -> list[Axis]:
        entries: list[Axis] = [[(Units(n), 1)] for n in tensor.shape[1:]]
        axes = [opaque(len(tensor), "an input"), *entries]
        self.tracer.put(tensor, axes, True)
        self.tracer.lineage.enter(tensor)
        return axes
