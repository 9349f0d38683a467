"""PPO agents whose optimisers have several groups of parameters."""

from __future__ import annotations

from typing import Any

import torch
import zoo
from stable_baselines3.common.policies import ActorCriticPolicy

import sb3_prune as sp


def grouped(policy: Any) -> torch.optim.Optimizer:
    """Return an optimiser with a group for the head and one for all the rest."""
    head = list(policy.action_net.parameters())
    known = {id(p) for p in head}
    rest = [p for p in policy.parameters() if id(p) not in known]
    return torch.optim.Adam([{"params": head, "lr": 1e-4}, {"params": rest}])


class Grouping(ActorCriticPolicy):
    """A user's policy that builds an optimiser with two groups."""

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        self.optimizer = grouped(self)


class MaskedGrouping(sp.MaskedPolicyMixin, Grouping):
    """Its masked class."""


def grouped_model() -> Any:
    """Return an agent whose optimiser a user has replaced, and train it."""
    model: Any = zoo.make_model("PPO")
    model.policy.optimizer = grouped(model.policy)
    return zoo.train(model)
