"""Off-policy classes with networks of their own."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from stable_baselines3.sac.policies import Actor, CnnPolicy, SACPolicy
from stable_baselines3.td3.policies import Actor as TD3Actor
from stable_baselines3.td3.policies import TD3Policy
from torch import nn

from user_networks.cnns import PlainCnn
from user_networks.mlps import Residual
from user_networks.policies import Embedding


class DuelingHead(nn.Module):
    """A value and advantages, each with a hidden layer."""

    def __init__(self, width: int, actions: int) -> None:
        super().__init__()
        self.value = nn.Sequential(nn.Linear(width, 8), nn.ReLU(), nn.Linear(8, 1))
        self.advantage = nn.Sequential(
            nn.Linear(width, 6), nn.ReLU(), nn.Linear(6, actions)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        advantage = self.advantage(x)
        return self.value(x) + advantage - advantage.mean(dim=1, keepdim=True)


class DuelingDQNPolicy(DQNPolicy):
    """A dueling network in place of SB3's ``q_net``."""

    def make_q_net(self) -> QNetwork:
        net = super().make_q_net()
        actions = int(net.action_space.n)
        trunk = nn.Sequential(nn.Linear(net.features_dim, 12), nn.ReLU())
        net.q_net = nn.Sequential(trunk, DuelingHead(12, actions))
        return net.to(self.device)


class BareQNetwork(QNetwork):
    """A Q network without the attribute ``q_net``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.q_net
        self.embed = nn.Linear(self.features_dim, 12)
        self.hidden = nn.Linear(12, 10)
        self.values = nn.Linear(10, int(self.action_space.n))

    def forward(self, obs: Any) -> torch.Tensor:
        features = self.extract_features(obs, self.features_extractor)
        return self.values(self.hidden(self.embed(features).relu()).relu())


class BareDQNPolicy(DQNPolicy):
    """Uses :class:`BareQNetwork`."""

    def make_q_net(self) -> QNetwork:
        arguments = self._update_features_extractor(self.net_args, None)
        return BareQNetwork(**arguments).to(self.device)


class ResidualActor(Actor):
    """SAC's actor with a residual body."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        actions = self.mu.out_features  # type: ignore[union-attr]
        self.latent_pi = Residual(self.features_dim)  # type: ignore[assignment]
        self.mu = nn.Linear(Residual.out, actions)
        self.log_std = nn.Linear(Residual.out, actions)  # type: ignore[assignment]


class LateActionCritic(ContinuousCritic):
    """A critic that sees the observation first and the action only later."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.q_networks = []
        for i in range(self.n_critics):
            delattr(self, f"qf{i}")
            net = LateAction(self.features_extractor.features_dim, self.action_space)
            self.add_module(f"late{i}", net)
            self.q_networks.append(net)


class LateAction(nn.Module):
    """One network of :class:`LateActionCritic`, with layer norms as in REDQ."""

    def __init__(self, width: int, action_space: Any) -> None:
        super().__init__()
        self.width = width
        self.observer = nn.Linear(width, 12)
        self.norm = nn.LayerNorm(8)
        self.joint = nn.Linear(12 + action_space.shape[0], 8)
        self.last = nn.Linear(8, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        observation, action = inputs[:, : self.width], inputs[:, self.width :]
        hidden = torch.relu(self.observer(observation))
        hidden = self.joint(torch.cat([hidden, action], dim=1))
        return self.last(torch.relu(self.norm(hidden)))


class OwnSACPolicy(SACPolicy):
    """SAC with an actor and critics of one's own."""

    def make_actor(self, features_extractor: Any = None) -> Actor:
        kwargs = self._update_features_extractor(self.actor_kwargs, features_extractor)
        return ResidualActor(**kwargs).to(self.device)

    def make_critic(self, features_extractor: Any = None) -> ContinuousCritic:
        kwargs = self._update_features_extractor(self.critic_kwargs, features_extractor)
        return LateActionCritic(**kwargs).to(self.device)


class GatedTD3Actor(TD3Actor):
    """TD3's actor with a gated body."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        actions = self.action_space.shape[0]
        self.mu = nn.Sequential(
            nn.Linear(self.features_dim, 20),
            nn.GLU(dim=-1),
            nn.Linear(10, actions),
            nn.Tanh(),
        )


class OwnTD3Policy(TD3Policy):
    """TD3 with an actor and an extractor of one's own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        ours = {
            "features_extractor_class": Embedding,
            "net_arch": [10, 8],
            "share_features_extractor": True,
        }
        super().__init__(*args, **{**ours, **kwargs})

    def make_actor(self, features_extractor: Any = None) -> TD3Actor:
        kwargs = self._update_features_extractor(self.actor_kwargs, features_extractor)
        return GatedTD3Actor(**kwargs).to(self.device)


class SmallCnnSACPolicy(CnnPolicy):
    """SAC on images with a small network, shared unless said otherwise."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        ours = {
            "features_extractor_class": PlainCnn,
            "net_arch": {"pi": [8], "qf": [6]},
            "share_features_extractor": True,
        }
        super().__init__(*args, **{**ours, **kwargs})
