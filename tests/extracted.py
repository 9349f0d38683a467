"""PPO agents on CartPole whose features extractor is a few lines, and cuts of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import zoo
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

import sb3_prune as sp
from sb3_prune.surgery import remove
from sb3_prune.surgery.comparison import moved, outputs
from sb3_prune.surgery.trial import kill

A, B = "features_extractor.a", "features_extractor.b"


class Masked(sp.MaskedPolicyMixin, ActorCriticPolicy):
    """A policy with gates, whatever its extractor."""


def extracted(
    run: Callable[[Any, torch.Tensor], torch.Tensor],
    build: Callable[[Any], None] | None = None,
    out: int = 8,
    cls: type[PPO] = PPO,
    **kwargs: Any,
) -> Any:
    """Return an agent whose extractor has the Linears ``a`` (4, 12) and ``b`` (12, 8).

    Args:
        run: The extractor's forward.
        build: Called with the extractor when it has these.
        out: Number of features.
        cls: The algorithm.
        **kwargs: Arguments of the policy.
    """

    class Odd(BaseFeaturesExtractor):
        def __init__(self, space: Any) -> None:
            super().__init__(space, out)
            self.a, self.b = nn.Linear(4, 12), nn.Linear(12, 8)
            if build is not None:
                build(self)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return run(self, x)

    kwargs = {"net_arch": [6], "ortho_init": False, **kwargs}
    policy_kwargs = {"features_extractor_class": Odd, **kwargs}
    made = {"n_steps": 32, "batch_size": 16, "n_epochs": 1, "device": "cpu", "seed": 0}
    return cls(Masked, "CartPole-v1", policy_kwargs=policy_kwargs, **made)


def without_dead(model: Any, **gone: int) -> float:
    """Make units of layers dead, cut them, and return how far outputs moved.

    Args:
        model: The agent.
        **gone: How many units go, by the last part of the layer's path.
    """
    layers = sp.wire(model.policy)
    cut = {name: gone.get(name.rpartition(".")[2], 0) for name in layers}
    plan = {n: remove(range(k), layers[n].units) for n, k in cut.items() if k}
    for name, change in plan.items():
        kill(layers[name], change.removed)
    before = outputs(model.policy)
    sp.apply(model, plan)
    return max(moved(before, outputs(model.policy)).values())


def assert_refused(
    model: Any, error: type[Exception], why: str, name: str = A, units: int = 1
) -> None:
    """Assert that a cut is refused by name, and that nothing changed."""
    before = zoo.snapshot(model.policy)
    plan = {name: remove(range(units), sp.wire(model.policy)[name].units)}
    with pytest.raises(error, match=why):
        sp.apply(model, plan)
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)
