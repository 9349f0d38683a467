"""Tests for coverage.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo
from images import LOOKERS
from sb3_prune_xinet.coverage import left_dense
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import ConfigError, UnsupportedPolicyError
from sb3_prune.policies.masked import MaskedPolicyMixin

FIRST, SECOND = (f"mlp_extractor.policy_net.{k}" for k in (0, 2))
VALUES = "mlp_extractor.value_net"


class Own(nn.Module):
    """Networks of the user's own, which no policy registers."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.latent_dim_pi = self.latent_dim_vf = 6
        self.pi = nn.Sequential(nn.Linear(inputs, 6), nn.Tanh())
        self.vf = nn.Sequential(nn.Linear(inputs, 6), nn.Tanh())

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the latents of the actor and of the critic."""
        return self.forward_actor(x), self.forward_critic(x)

    def forward_actor(self, x: torch.Tensor) -> torch.Tensor:
        """Return the latent of the actor."""
        latent: torch.Tensor = self.pi(x)
        return latent

    def forward_critic(self, x: torch.Tensor) -> torch.Tensor:
        """Return the latent of the critic."""
        latent: torch.Tensor = self.vf(x)
        return latent


class OwnPolicy(MaskedPolicyMixin, ActorCriticPolicy):
    """A masked policy with them."""

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor: Any = Own(self.features_dim)


def test_what_is_left() -> None:
    wiring = sp.wire(zoo.make_model("PPO"))
    assert left_dense(wiring, [*wiring], ()) == []
    left = [name for name in wiring if name != FIRST]
    assert left_dense(wiring, [FIRST], ()) == left
    assert left_dense(wiring, [FIRST], ["mlp_extractor.policy_net"]) == [SECOND]
    assert left_dense(wiring, [FIRST, SECOND], ["mlp_extractor.policy_net"]) == []


def test_refusals_name_what_there_is() -> None:
    wiring = sp.wire(zoo.make_model("PPO"))
    with pytest.raises(ConfigError, match=r"value_net.*learns: mlp_extractor.policy"):
        left_dense(wiring, [FIRST], [VALUES])
    with pytest.raises(UnsupportedPolicyError, match=f"{FIRST}.*it can learn none"):
        left_dense(wiring, [], ())


def test_networks_that_nobody_learns_are_refused_before_training() -> None:
    model = PPO(OwnPolicy, "CartPole-v1", n_steps=16, batch_size=16, device="cpu")
    with pytest.raises(UnsupportedPolicyError, match="learn none"):
        model.learn(16, callback=sp.PruningCallback("xinet"))
    assert not any("gate" in name for name in model.policy.state_dict())
    assert not model.policy.optimizer._optimizer_step_post_hooks


def test_convolutions_stay_dense_with_one_warning() -> None:
    looker = LOOKERS["PPO-Cnn"]
    named = sp.PruningCallback("xinet", {"networks": ("features_extractor",)})
    with pytest.raises(ConfigError, match=r"'features_extractor' are needed"):
        zoo.train(looker.make(), callback=named)
    options = {"begin": 0.0, "end": 0.5, "theta_rate": 0.5, "price": 1e3}
    with pytest.warns(UserWarning, match="no price of the units in features_ex") as w:
        model = looker.make().learn(64, sp.PruningCallback("xinet", options))
    assert len([each for each in w if "no price" in str(each.message)]) == 1
    perceptrons = {n for n in sp.wire(model) if n.startswith("mlp_extractor")}
    assert all(sp.wire(model)[name].units < 6 for name in perceptrons)
