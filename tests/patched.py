"""PPO agents whose policies users patched, and what half of their units is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import zoo
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy

import sb3_prune as sp
from sb3_prune.surgery import keep

PI, VF = "mlp_extractor.policy_net", "mlp_extractor.value_net"
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
