"""Pretending: let a policy compute as if units were removed, with tensors of old shape.

A copy of the policy that is really cut costs a copy and two more runs that find its
units. Where units do not mix, it computes the same if nothing reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from sb3_prune.surgery.change import Change
from sb3_prune.surgery.execution import new_tensors
from sb3_prune.surgery.flow.observe import installed
from sb3_prune.surgery.folding import Folding
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.wiring import wire


def can_pretend(layer: HiddenLayer, change: Change) -> bool:
    """Tell whether a layer computes the same if removed units are only not read."""
    group = layer.group
    mixed = layer.mixes or group.two_sided or group.doubled
    return change.kept is not None and not mixed


@contextmanager
def pretended(policy: nn.Module, plan: Mapping[str, Change]) -> Iterator[None]:
    """Let a policy compute as if a plan was carried out, inside the block.

    Args:
        policy: The policy; afterwards it is as before.
        plan: Changes of layers that :func:`can_pretend`.
    """
    layers = [wire(policy)[name] for name in plan]
    folding = Folding(policy)
    for layer in layers:
        folding.shift(layer, plan[layer.name].shifts)
        folding.fold(layer, plan[layer.name])
    wide = {name: _as_wide(change) for name, change in plan.items()}
    made = new_tensors(layers, wide, folding)
    with installed(
        {
            (module, name): made[id(tensor)][1]
            for module in policy.modules()
            for tensors in (module._parameters, module._buffers)
            for name, tensor in tensors.items()
            if tensor is not None and id(tensor) in made
        }
    ):
        yield


def _as_wide(change: Change) -> Change:
    """Return the change from K to K units that lets nothing read removed units."""
    assert change.kept is not None
    columns = torch.zeros(change.before, change.before, dtype=change.columns.dtype)
    columns[:, change.kept] = change.columns
    return Change(rows=torch.eye(change.before, dtype=columns.dtype), columns=columns)
