"""Tiny networks in a minimal policy, and the laws that hold for what is traced."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from torch import nn

import sb3_prune as sp
from sb3_prune.surgery import remove, trial
from sb3_prune.surgery.execution import carry_out
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.flow.trace import Group, trace


class Net(nn.Module):
    """A function of modules and parameters, and of what the policy observes."""

    def __init__(self, function: Callable[[Any, Any], torch.Tensor], **parts: Any):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self, x)


def matrix(*shape: int) -> nn.Parameter:
    """Return a random parameter."""
    return nn.Parameter(torch.randn(*shape) / shape[0] ** 0.5)


class TinyPolicy(BasePolicy):
    """A linear head on a network; ``shape`` is that of an observation."""

    def __init__(self, net: nn.Module, shape: tuple[int, ...] = (5,)) -> None:
        spaces_ = [spaces.Box(-1, 1, size, np.float32) for size in (shape, (2,))]
        super().__init__(*spaces_)
        self.net = net.eval()
        with torch.no_grad():
            self.head = nn.Linear(net(torch.zeros(2, *shape)).shape[1], 2)

    def _predict(self, observation: Any, deterministic: bool = False) -> torch.Tensor:
        return self.head(self.net(observation))


def groups(policy: nn.Module) -> dict[str, Group]:
    """Return the groups inside the network of a policy, by their names there."""
    inside = [group for group in trace(policy) if group.name.startswith("net")]
    return {group.name.removeprefix("net."): group for group in inside}


def assert_prunable(
    net: nn.Module,
    layers: Mapping[str, int],
    *,
    shape: tuple[int, ...] = (5,),
    mixes: Collection[str] = (),
    soft: Collection[str] = (),
) -> None:
    """Assert which units are free, and that dead ones go without moving an output.

    Args:
        net: A network.
        layers: Its layers that may be cut, all of them, and their units.
        shape: Shape of an observation.
        mixes: Layers among them whose units are mixed with each other.
        soft: Layers among them that a literal place names.
    """
    policy = TinyPolicy(net, shape)
    free = {name: g for name, g in groups(policy).items() if g.fixed is None}
    assert {name: group.units for name, group in free.items()} == dict(layers)
    assert {name for name, group in free.items() if group.mixes} == set(mixes)
    assert {name for name, group in free.items() if group.soft} == set(soft)
    assert trial.try_cut(policy, [group.name for group in free.values()]) is None


def assert_fixed(
    net: nn.Module, layers: Mapping[str, str], *, shape: tuple[int, ...] = (5,)
) -> None:
    """Assert that layers cannot lose units, and how the reason begins."""
    policy = TinyPolicy(net, shape)
    found = groups(policy)
    for name, why in layers.items():
        assert (found[name].fixed or "free").startswith(why), found[name].fixed
    assert not {found[name].name for name in layers} & set(sp.wire(policy))


def assert_folds(
    net: nn.Module, name: str, *, shape: tuple[int, ...] = (5,), kept: str = ""
) -> None:
    """Assert that outputs stay as two constant units go, or why they cannot.

    Args:
        net: A network.
        name: One of its layers.
        shape: Shape of an observation.
        kept: Why what the units say cannot move into the next biases, if so.
    """
    policy = TinyPolicy(net, shape)
    layer = sp.wire(policy)[groups(policy)[name].name]
    gone = [1, layer.units - 1]
    with torch.no_grad():
        for slot in layer.slots():
            if slot.side is Side.ROWS and slot.tensor.ndim > 1:
                slot.units(slot.tensor, layer.units)[gone] = 0.0
            elif slot.side is not Side.COLUMNS:
                slot.units(slot.tensor, layer.units)[gone] = 0.7
    before = trial.outputs(policy)
    found = carry_out(policy, {layer.name: remove(gone, layer.units)})
    assert found == ({layer.name: kept} if kept else {})
    moved = [
        float((x - y).abs().max())
        for (_, x), (_, y) in zip(before, trial.outputs(policy), strict=True)
    ]
    assert (max(moved) > 1e-3) if kept else (max(moved) < 1e-5), moved
