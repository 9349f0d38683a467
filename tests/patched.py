"""PPO agents whose policies users patched, and what half of their units is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import laws
import torch
import zoo
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

import sb3_prune as sp
from sb3_prune.surgery import keep

PI, VF = "mlp_extractor.policy_net", "mlp_extractor.value_net"
SIX = keep(range(6), 12)
HALF = 148
"""Parameters of PPO on CartPole with networks of 6 and 5 units; 413 have 12 and 10."""


def patched(patch: Callable[[Any], None], **kwargs: Any) -> PPO:
    """Make and train an agent whose policy was patched before its optimiser is made.

    Args:
        patch: Called with the policy once its networks are built.
        **kwargs: Arguments of the policy.
    """

    class Patched(ActorCriticPolicy):
        def _build(self, lr_schedule: Any) -> None:
            super()._build(lr_schedule)
            patch(self)
            self.optimizer = torch.optim.Adam(self.parameters())

    class MaskedPatched(sp.MaskedPolicyMixin, Patched):
        pass

    model = zoo.make_model("PPO", policy=MaskedPatched, policy_kwargs=kwargs)
    zoo.train(model)
    assert isinstance(model, PPO)
    return model


def half(model: BaseAlgorithm) -> sp.Plan:
    """Keep the first half of the units of every layer."""
    layers = sp.wire(model.policy).values()
    return sp.Plan({la.name: keep(range(la.units // 2), la.units) for la in layers})


def first(policy: Any) -> nn.Linear:
    """Return the actor's first layer."""
    linear: nn.Linear = policy.mlp_extractor.policy_net[0]
    return linear


def assert_fixed(model: BaseAlgorithm, layer: str, why: str, parameters: int) -> None:
    """Assert that one layer stays, says why, and that all others are cut."""
    wiring = sp.wire(model.policy)
    assert list(wiring.fixed) == [layer]
    assert wiring.fixed[layer].startswith(why)
    laws.assert_refused(model.policy, {layer: SIX}, f"'{layer}' cannot change: ")
    report = sp.apply(model, half(model))
    assert report.fixed == sp.wire(model.policy).fixed == {layer: wiring.fixed[layer]}
    assert report.parameters[1] == parameters
    zoo.train_on(model)
