"""OFEXi policies: networks that read the features of an OFEXiNet."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import torch
from gymnasium import spaces
from sb3_contrib.tqc import policies as tqc
from stable_baselines3.common.policies import ActorCriticPolicy, ContinuousCritic
from stable_baselines3.common.preprocessing import get_action_dim
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import Schedule
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import TD3Policy
from torch import nn

from sb3_prune.exceptions import ConfigError
from sb3_prune.networks.ofexinet import OFEXiConfig, OFEXiNet
from sb3_prune.policies.mixin import MaskedPolicyMixin
from sb3_prune.policies.value import ValuePolicyMixin

REFUSED = ("features_extractor_class", "features_extractor_kwargs")
"""Arguments that would put another extractor in the place of ours."""


class StateFeatures(BaseFeaturesExtractor):
    """The features z_o of an observation, as a features extractor of SB3.

    It holds the net without owning it: no optimiser, target or mode of the network
    that reads the features reaches the net.
    """

    def __init__(self, observation_space: spaces.Space[Any], net: OFEXiNet) -> None:
        super().__init__(observation_space, self._width(net))
        object.__setattr__(self, "_held", (net,))

    @staticmethod
    def _width(net: OFEXiNet) -> int:
        return net.state_width

    @property
    def net(self) -> OFEXiNet:
        """The net."""
        held: tuple[OFEXiNet] = self.__dict__["_held"]
        return held[0]

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Return the features, (batch, features)."""
        return self.net.fixed_state(observations)


class ActionFeatures(StateFeatures):
    """The features of an observation, sized so that [features; a] is as wide as z_oa.

    A critic of SB3 makes its first layer ``features_dim`` + actions wide.
    """

    @staticmethod
    def _width(net: OFEXiNet) -> int:
        return net.width - net.action


class OFEXiCriticMixin(nn.Module):
    """A critic that reads z_oa; the actor's gradient reaches the action through it."""

    features_extractor: Any
    q_networks: Any

    def action_features(self, obs: Any, actions: torch.Tensor) -> torch.Tensor:
        """Return z_oa, (batch, features)."""
        state = self.extract_features(obs, self.features_extractor)  # type: ignore[operator]
        net: OFEXiNet = self.features_extractor.net
        return net.with_action(state, actions)

    @contextmanager
    def _fixed(self, actions: torch.Tensor) -> Iterator[None]:
        """Spare the critic's own gradients while the actor is updated."""
        own = self.parameters() if actions.requires_grad else ()
        spared = [p for p in own if p.requires_grad]
        try:
            for parameter in spared:
                parameter.requires_grad_(False)
            yield
        finally:
            for parameter in spared:
                parameter.requires_grad_(True)

    def values(self, obs: Any, actions: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield what each Q-network says, (batch, 1) or (batch, quantiles)."""
        features = self.action_features(obs, actions)
        with self._fixed(actions):
            for network in self.q_networks:
                yield network(features)


class OFEXiCritic(OFEXiCriticMixin, ContinuousCritic):
    """Q-networks of SAC, TD3 and DDPG on z_oa."""

    def forward(
        self, obs: torch.Tensor, actions: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """Return the values of each Q-network, (batch, 1)."""
        return tuple(self.values(obs, actions))

    def q1_forward(self, obs: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return the values of the first Q-network, (batch, 1)."""
        features = self.action_features(obs, actions)
        with self._fixed(actions):
            value: torch.Tensor = self.q_networks[0](features)
        return value


class OFEXiQuantileCritic(OFEXiCriticMixin, tqc.Critic):
    """Quantile networks of TQC on z_oa."""

    def forward(self, obs: Any, action: torch.Tensor) -> torch.Tensor:
        """Return the quantiles, (batch, critics, quantiles)."""
        return torch.stack(tuple(self.values(obs, action)), dim=1)


class OFEXiPolicyMixin(MaskedPolicyMixin):
    """An OFEXiNet under a policy's networks, and gates in all of them.

    Put it in front of a policy class of Stable-Baselines3 and train the net with
    :class:`sb3_prune.FeatureCallback`. Without pruning this is the plain OFENet.

    Attributes:
        ofe: The feature extractor, with an optimiser of its own.
    """

    ofe: OFEXiNet
    observation_space: Any
    reads_actions = True
    """Whether critics of actions read a second branch."""
    critic_class: type[OFEXiCriticMixin] = OFEXiCritic

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        *args: Any,
        ofe: OFEXiConfig | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Build the networks.

        Args:
            observation_space: One flat Box.
            action_space: The action space.
            lr_schedule: Learning rate of the agent's networks.
            *args: Further arguments of the stock policy.
            ofe: Shape of the net: its config or the options of one.
            **kwargs: Further keyword arguments of the stock policy.

        Raises:
            ConfigError: Observations are not flat, an option does not exist or has a
                wrong value, or another features extractor is asked for, or to share
                one.
        """
        _check(observation_space, kwargs)
        if self.reads_actions and kwargs.get("share_features_extractor"):
            raise ConfigError(
                "An OFEXi policy shares its extractor anyway, and no agent's optimiser "
                "steps it: drop share_features_extractor."
            )
        config = _config({} if ofe is None else ofe)
        assert observation_space.shape is not None
        actions = get_action_dim(action_space) if self.reads_actions else 0
        net = OFEXiNet(observation_space.shape[0], actions, config)
        # Unregistered until the agent's optimisers exist: they must not step it.
        object.__setattr__(self, "_held", (net,))
        super().__init__(observation_space, action_space, lr_schedule, *args, **kwargs)

    def _build(self, lr_schedule: Schedule) -> None:
        super()._build(lr_schedule)  # type: ignore[misc]
        self.ofe = self.__dict__["_held"][0].to(self.device)
        self.ofe.build_optimizer()

    def set_training_mode(self, mode: bool) -> None:
        """Switch modes; warn if the agent is to learn from features that never did."""
        super().set_training_mode(mode)  # type: ignore[misc]
        # On-policy the agent learns first.
        if mode and self.reads_actions and not self.ofe.updates:
            warnings.warn(
                "The agent learns from features that are random: pass a "
                "FeatureCallback to learn().",
                stacklevel=2,
            )

    def make_features_extractor(self) -> StateFeatures:
        """Return the extractor of networks that read z_o."""
        net = self.__dict__["_held"][0].to(self.device)
        return StateFeatures(self.observation_space, net)

    def make_critic(self, features_extractor: Any = None) -> Any:
        """Return a critic that reads z_oa."""
        del features_extractor  # Every network has the same.
        net = self.__dict__["_held"][0].to(self.device)
        features = ActionFeatures(self.observation_space, net)
        kwargs = self._update_features_extractor(self.critic_kwargs, features)  # type: ignore[operator]
        critic: Any = self.critic_class(**kwargs)
        return critic.to(self.device)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        given: dict[str, Any] = super()._get_constructor_parameters()  # type: ignore[misc]
        own = {"ofe": asdict(self.ofe.config)}
        return {k: v for k, v in given.items() if k not in REFUSED} | own


def _config(options: OFEXiConfig | Mapping[str, Any]) -> OFEXiConfig:
    if isinstance(options, OFEXiConfig):
        return options
    if not isinstance(options, Mapping):
        raise ConfigError(
            f"ofe must be an OFEXiConfig or a mapping of its options, got {options!r}."
        )
    known = list(OFEXiConfig.__dataclass_fields__)
    if unknown := [name for name in options if name not in known]:
        raise ConfigError(
            f"ofe has no option {', '.join(map(repr, unknown))}. Known: "
            f"{', '.join(known)}."
        )
    return OFEXiConfig(**options)


def _check(space: spaces.Space[Any], kwargs: Mapping[str, Any]) -> None:
    if not isinstance(space, spaces.Box) or len(space.shape) != 1:
        raise ConfigError(
            f"An OFEXi policy needs one flat Box to observe, got {space}."
        )
    if given := [name for name in REFUSED if kwargs.get(name)]:
        raise ConfigError(f"An OFEXi policy is its own extractor: drop {given[0]}.")


class OFEXiSACPolicy(OFEXiPolicyMixin, SACPolicy):
    """SAC's policy on an OFEXiNet, with gates."""


class OFEXiValueSACPolicy(OFEXiPolicyMixin, ValuePolicyMixin, SACPolicy):
    """The policy of SAC with a value network, on an OFEXiNet, with gates."""


class OFEXiTD3Policy(OFEXiPolicyMixin, TD3Policy):
    """TD3's and DDPG's policy on an OFEXiNet, with gates."""


class OFEXiTQCPolicy(OFEXiPolicyMixin, tqc.TQCPolicy):
    """TQC's policy on an OFEXiNet, with gates."""

    critic_class = OFEXiQuantileCritic


class OFEXiActorCriticPolicy(OFEXiPolicyMixin, ActorCriticPolicy):
    """PPO's and A2C's policy on the state branch of an OFEXiNet, with gates."""

    reads_actions = False
