"""On-policy classes whose networks sit, or learn, in places of their own."""

from __future__ import annotations

from typing import Any

import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3 import PPO
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import MlpExtractor
from torch import nn
from torch.nn import functional

from user_networks.bodies import Extractor, TwoBodies
from user_networks.mlps import Residual


class SharedTrunk(nn.Module):
    """A trunk that actor and critic share (SB3's page on custom networks)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.latent_dim_pi, self.latent_dim_vf = 10, 8
        self.trunk = nn.Sequential(nn.Linear(width, 12), nn.ReLU())
        self.policy_net = nn.Sequential(nn.Linear(12, 10), nn.ReLU())
        self.value_net = nn.Sequential(nn.Linear(12, 8), nn.ReLU())

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        shared = self.trunk(features)
        return self.policy_net(shared), self.value_net(shared)

    def forward_actor(self, features: torch.Tensor) -> torch.Tensor:
        return self.policy_net(self.trunk(features))

    def forward_critic(self, features: torch.Tensor) -> torch.Tensor:
        return self.value_net(self.trunk(features))


class SharedTrunkPolicy(ActorCriticPolicy):
    """A policy with a shared trunk."""

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = SharedTrunk(self.features_dim)  # type: ignore[assignment]


class Embedding(Extractor):
    """One layer of twelve units."""

    out = 12

    def build(self, space: Any) -> None:
        self.linear = nn.Linear(space.shape[0], 12)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.linear(observations))


class SkippingExtractor(MlpExtractor):
    """Adds the features to what the policy network makes of them."""

    def forward_actor(self, features: torch.Tensor) -> torch.Tensor:
        return features + self.policy_net(features)


class SkippingPolicy(ActorCriticPolicy):
    """A policy that skips in ``forward_actor``."""

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = SkippingExtractor(
            self.features_dim, self.net_arch, self.activation_fn, self.device
        )


class TwinWeightPolicy(ActorCriticPolicy):
    """Actor and critic have one weight in common, each with its own bias."""

    def _build_mlp_extractor(self) -> None:
        super()._build_mlp_extractor()
        pi, vf = self.mlp_extractor.policy_net, self.mlp_extractor.value_net
        vf[2].weight = pi[2].weight  # type: ignore[assignment]


class DeepHeadsPolicy(ActorCriticPolicy):
    """Both heads are networks themselves."""

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        pi, vf = self.mlp_extractor.latent_dim_pi, self.mlp_extractor.latent_dim_vf
        actions = self.action_net.out_features
        self.action_net = nn.Sequential(  # type: ignore[assignment]
            nn.Linear(pi, 8), nn.Tanh(), nn.Linear(8, actions)
        )
        self.value_net = nn.Sequential(  # type: ignore[assignment]
            nn.Linear(vf, 6), nn.Tanh(), nn.Linear(6, 1)
        )
        self.optimizer = self.optimizer_class(
            self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )


class FromScratchPolicy(ActorCriticPolicy):
    """Builds and runs everything by itself: no ``mlp_extractor`` at all."""

    def _build(self, lr_schedule: Any) -> None:
        width = self.features_dim
        self.encoder = nn.Linear(width, 12)
        self.actor_head = nn.ModuleDict({"hidden": nn.Linear(12, 10)})
        self.actor_head["mean"] = nn.Linear(10, self.action_space.shape[0])  # type: ignore
        self.critic_head = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 1))
        self.log_std = nn.Parameter(torch.zeros(self.action_space.shape[0]))  # type: ignore
        self.optimizer = self.optimizer_class(
            self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )

    def _encode(self, obs: Any) -> torch.Tensor:
        return torch.tanh(self.encoder(self.extract_features(obs)))

    def _distribution(self, encoded: torch.Tensor) -> Distribution:
        hidden = torch.tanh(self.actor_head["hidden"](encoded))
        mean = self.actor_head["mean"](hidden)
        return self.action_dist.proba_distribution(mean, self.log_std)  # type: ignore

    def forward(self, obs: Any, deterministic: bool = False) -> Any:
        encoded = self._encode(obs)
        distribution = self._distribution(encoded)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, self.critic_head(encoded), distribution.log_prob(actions)

    def evaluate_actions(self, obs: Any, actions: torch.Tensor) -> Any:
        encoded = self._encode(obs)
        distribution = self._distribution(encoded)
        log_prob = distribution.log_prob(actions)
        return self.critic_head(encoded), log_prob, distribution.entropy()

    def get_distribution(self, obs: Any) -> Distribution:
        return self._distribution(self._encode(obs))

    def predict_values(self, obs: Any) -> torch.Tensor:
        return self.critic_head(self._encode(obs))


class CostPolicy(ActorCriticPolicy):
    """Has a head for costs that acting and PPO's own loss never read."""

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        width = self.mlp_extractor.latent_dim_vf
        self.cost_net = nn.Sequential(nn.Linear(width, 6), nn.ReLU(), nn.Linear(6, 1))
        self.optimizer = self.optimizer_class(
            self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )

    def predict_costs(self, obs: torch.Tensor) -> torch.Tensor:
        """Return the expected cost, read by :class:`CostPPO` alone."""
        features = self.extract_features(obs, self.vf_features_extractor)
        return self.cost_net(self.mlp_extractor.forward_critic(features))


class CostPPO(PPO):
    """Fits the costs, here the size of the observation, after every update."""

    def train(self) -> None:
        super().train()
        for data in self.rollout_buffer.get(self.batch_size):
            costs = data.observations.abs().mean(dim=1, keepdim=True)
            loss = functional.mse_loss(
                self.policy.predict_costs(data.observations), costs
            )
            self.policy.optimizer.zero_grad()
            loss.backward()
            self.policy.optimizer.step()


class TwoSpeedPolicy(ActorCriticPolicy):
    """The critic has an optimiser of its own."""

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        critic = [self.mlp_extractor.value_net, self.value_net]
        slow = [p for part in critic for p in part.parameters()]
        ids = {id(p) for p in slow}
        fast = [p for p in self.parameters() if id(p) not in ids]
        self.optimizer = self.optimizer_class(fast, lr=lr_schedule(1))
        self.value_optimizer = torch.optim.RMSprop(slow, lr=1e-3, momentum=0.9)


class TwoSpeedPPO(PPO):
    """Lets the critic learn on after every update."""

    def train(self) -> None:
        super().train()
        for data in self.rollout_buffer.get(self.batch_size):
            values = self.policy.predict_values(data.observations).flatten()
            loss = functional.mse_loss(values, data.returns)
            self.policy.value_optimizer.zero_grad()
            loss.backward()
            self.policy.value_optimizer.step()

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        names, variables = super()._get_torch_save_params()
        return [*names, "policy.value_optimizer"], variables


class RecurrentResidualPolicy(RecurrentActorCriticPolicy):
    """Residual bodies behind an LSTM."""

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = TwoBodies(Residual, self.lstm_output_dim)  # type: ignore
