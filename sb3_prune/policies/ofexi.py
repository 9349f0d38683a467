"""OFEXi policies: policies whose networks read the features of an OFEXiNet."""

from __future__ import annotations

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
from sb3_prune.warning import warn

REFUSED = ("features_extractor_class", "features_extractor_kwargs")
"""Policy arguments that would replace the OFEXiNet by another features extractor."""


class StateFeatures(BaseFeaturesExtractor):
    """Features extractor of SB3 that returns the features z_o of an observation.

    The OFEXiNet is not registered as a submodule. So the network that reads the
    features neither passes it to an optimiser, nor copies it to a target network, nor
    switches its training mode.
    """

    def __init__(self, observation_space: spaces.Space[Any], net: OFEXiNet) -> None:
        super().__init__(observation_space, self._width(net))
        object.__setattr__(self, "_held", (net,))

    @staticmethod
    def _width(net: OFEXiNet) -> int:
        return net.state_width

    @property
    def features_dim(self) -> int:
        """Number of features, as the OFEXiNet is now."""
        return self._width(self.net)

    @property
    def net(self) -> OFEXiNet:
        """The OFEXiNet."""
        held: tuple[OFEXiNet] = self.__dict__["_held"]
        return held[0]

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Return z_o, shape (batch, features)."""
        return self.net.fixed_state(observations)


class ActionFeatures(StateFeatures):
    """Features extractor of a critic that reads z_oa instead of [z_o; a].

    The first layer of SB3's critics has ``features_dim`` + d_a inputs, where d_a is the
    size of the action. For this sum to be the width of z_oa, ``features_dim`` is the
    width of z_oa minus d_a, and not that of the returned z_o.
    """

    @staticmethod
    def _width(net: OFEXiNet) -> int:
        return net.width - net.action


class OFEXiCriticMixin(nn.Module):
    """A critic that reads z_oa.

    The gradient of the actor's loss passes through z_oa to the action.
    """

    features_extractor: Any
    q_networks: Any

    def action_features(self, obs: Any, actions: torch.Tensor) -> torch.Tensor:
        """Return z_oa, shape (batch, features)."""
        state = self.extract_features(obs, self.features_extractor)  # type: ignore[operator]
        net: OFEXiNet = self.features_extractor.net
        return net.with_action(state, actions)

    @contextmanager
    def _fixed(self, actions: torch.Tensor) -> Iterator[None]:
        """Skip the gradients of the critic's parameters while the actor is updated."""
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
        """Yield the output of each Q-network, (batch, 1) or (batch, quantiles)."""
        features = self.action_features(obs, actions)
        with self._fixed(actions):
            for network in self.q_networks:
                yield network(features)


class OFEXiCritic(OFEXiCriticMixin, ContinuousCritic):
    """Critic of SAC, TD3 and DDPG that reads z_oa."""

    def forward(
        self, obs: torch.Tensor, actions: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """Return the values of each Q-network, shape (batch, 1)."""
        return tuple(self.values(obs, actions))

    def q1_forward(self, obs: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return the values of the first Q-network, shape (batch, 1)."""
        features = self.action_features(obs, actions)
        with self._fixed(actions):
            value: torch.Tensor = self.q_networks[0](features)
        return value


class OFEXiQuantileCritic(OFEXiCriticMixin, tqc.Critic):
    """Critic of TQC that reads z_oa."""

    def forward(self, obs: Any, action: torch.Tensor) -> torch.Tensor:
        """Return the quantiles, shape (batch, critics, quantiles)."""
        return torch.stack(tuple(self.values(obs, action)), dim=1)


class OFEXiPolicyMixin(MaskedPolicyMixin):
    """A masked policy whose networks read the features of an OFEXiNet.

    Put it in front of a policy class of Stable-Baselines3, and train the OFEXiNet with
    :class:`sb3_prune.FeatureCallback`. Without pruning, the OFEXiNet is an OFENet (Ota
    et al. 2020).

    Attributes:
        ofe: The features extractor; it has its own gates and optimiser.
    """

    ofe: OFEXiNet
    observation_space: Any
    reads_actions = True
    """Whether critics read the features of observation and action, z_oa."""
    critic_class: type[OFEXiCriticMixin] = OFEXiCritic
    _has_learnt = False

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
            observation_space: A Box with one axis.
            action_space: The action space.
            lr_schedule: Learning rate of the agent's networks.
            *args: Further arguments of the stock policy.
            ofe: Configuration of the OFEXiNet, or the options of one by name.
            **kwargs: Further keyword arguments of the stock policy.

        Raises:
            ConfigError: The observation space is not a flat Box, an option in ``ofe``
                does not exist or has a wrong value, or the arguments choose another
                features extractor or, off-policy, ask to share it.
        """
        _check(observation_space, kwargs)
        if self.reads_actions and kwargs.get("share_features_extractor"):
            raise ConfigError(
                "All networks of an OFEXi policy read the same OFEXiNet, and only the "
                "OFEXiNet's own optimiser trains it: drop share_features_extractor."
            )
        config = _config({} if ofe is None else ofe)
        assert observation_space.shape is not None
        actions = get_action_dim(action_space) if self.reads_actions else 0
        net = OFEXiNet(observation_space.shape[0], actions, config)
        # Registered once the agent's optimisers exist, so that they do not train it.
        object.__setattr__(self, "_held", (net,))
        super().__init__(observation_space, action_space, lr_schedule, *args, **kwargs)

    def _build(self, lr_schedule: Schedule) -> None:
        super()._build(lr_schedule)  # type: ignore[misc]
        self.ofe = self.__dict__["_held"][0].to(self.device)
        self.ofe.build_optimizer()

    def set_training_mode(self, mode: bool) -> None:
        """Set the training mode; warn if the agent would learn from random features."""
        super().set_training_mode(mode)  # type: ignore[misc]
        if not mode or self.ofe.updates:
            return
        # On-policy, the agent's first update comes before that of the OFEXiNet.
        first, self._has_learnt = not self._has_learnt, True
        if self.reads_actions or not first:
            warn(
                "The features that the agent learns from are random: pass a "
                "FeatureCallback to learn()."
            )

    def make_features_extractor(self) -> StateFeatures:
        """Return the features extractor of the networks that read z_o."""
        net = self.__dict__["_held"][0].to(self.device)
        return StateFeatures(self.observation_space, net)

    def make_critic(self, features_extractor: Any = None) -> Any:
        """Return a critic that reads z_oa."""
        del features_extractor  # All networks read the same OFEXiNet.
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
            f"An OFEXi policy needs one flat Box as observation space, got {space}."
        )
    if given := [name for name in REFUSED if kwargs.get(name)]:
        raise ConfigError(
            "The features extractor of an OFEXi policy is always an OFEXiNet: drop "
            f"{given[0]}."
        )


class OFEXiSACPolicy(OFEXiPolicyMixin, SACPolicy):
    """SAC's policy on the features of an OFEXiNet, with gates."""


class OFEXiValueSACPolicy(OFEXiPolicyMixin, ValuePolicyMixin, SACPolicy):
    """ValueSAC's policy on the features of an OFEXiNet, with gates."""


class OFEXiTD3Policy(OFEXiPolicyMixin, TD3Policy):
    """TD3's and DDPG's policy on the features of an OFEXiNet, with gates."""


class OFEXiTQCPolicy(OFEXiPolicyMixin, tqc.TQCPolicy):
    """TQC's policy on the features of an OFEXiNet, with gates."""

    critic_class = OFEXiQuantileCritic


class OFEXiActorCriticPolicy(OFEXiPolicyMixin, ActorCriticPolicy):
    """PPO's and A2C's policy on the features z_o of an OFEXiNet, with gates."""

    reads_actions = False
