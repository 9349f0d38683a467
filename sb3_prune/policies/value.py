"""Value networks: a policy of SAC that has a network V(s) beside its critics."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BaseModel
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, create_mlp
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from stable_baselines3.sac.policies import SACPolicy
from torch import nn

from sb3_prune.networks.perceptrons import (
    Perceptron,
    Role,
    as_perceptron,
    perceptrons_of,
)
from sb3_prune.policies.mixin import MaskedPolicyMixin


class ValueNetwork(BaseModel):
    """The state value V(s): a multi-layer perceptron on the features of an observation.

    Attributes:
        net: The perceptron, from ``features_dim`` inputs to one output.
    """

    features_extractor: BaseFeaturesExtractor

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Box,
        *,
        net_arch: list[int],
        features_extractor: BaseFeaturesExtractor,
        features_dim: int,
        activation_fn: type[nn.Module] = nn.ReLU,
        normalize_images: bool = True,
    ) -> None:
        super().__init__(
            observation_space,
            action_space,
            features_extractor=features_extractor,
            normalize_images=normalize_images,
        )
        self.net = nn.Sequential(*create_mlp(features_dim, 1, net_arch, activation_fn))

    def forward(self, obs: PyTorchObs) -> torch.Tensor:
        """Return the values of observations, shape (batch, 1)."""
        values: torch.Tensor = self.net(
            self.extract_features(obs, self.features_extractor)
        )
        return values


@perceptrons_of.register(ValueNetwork)
def _value_network(network: ValueNetwork) -> list[Perceptron]:
    return as_perceptron("net", network.net, role=Role.STATE_VALUE)


class ValuePolicyMixin(SACPolicy):
    """SAC's policy with a value network, its target network and its optimiser.

    The value network has the hidden layers of the critics (``net_arch["qf"]``), and the
    activation function and optimiser class of the policy. If actor and critic share a
    features extractor, the value network shares it, too; as in SB3, only the actor's
    optimiser updates a shared extractor. The target network always has its own.

    To use another policy class of SAC, such as ``CnnPolicy``, put this mixin in front
    of it, and :class:`MaskedPolicyMixin` in front of this mixin.

    Attributes:
        value: The value network V; its optimiser is ``value.optimizer``.
        value_target: Target network of V; always in evaluation mode.
        value_kwargs: Arguments of both networks, without the features extractor.
    """

    value: ValueNetwork
    value_target: ValueNetwork
    value_kwargs: dict[str, Any]

    def _build(self, lr_schedule: Schedule) -> None:
        qf_arch = self.critic_kwargs["net_arch"]
        self.value_kwargs = {**self.net_args, "net_arch": qf_arch}
        super()._build(lr_schedule)
        shared = self.share_features_extractor
        self.value = self.make_value(self.actor.features_extractor if shared else None)
        self.value_target = self.make_value()
        self.value_target.load_state_dict(self.value.state_dict())
        self.value_target.set_training_mode(False)
        self.value.optimizer = self.optimizer_class(
            [
                parameter
                for name, parameter in self.value.named_parameters()
                if not (shared and name.startswith("features_extractor."))
            ],
            lr=lr_schedule(1),  # type: ignore[call-arg]  # torch's base has no lr
            **self.optimizer_kwargs,
        )

    def make_value(
        self, features_extractor: BaseFeaturesExtractor | None = None
    ) -> ValueNetwork:
        """Build a value network.

        Args:
            features_extractor: Its features extractor; None makes a new one.
        """
        arguments = self._update_features_extractor(
            self.value_kwargs, features_extractor
        )
        return ValueNetwork(**arguments).to(self.device)

    def set_training_mode(self, mode: bool) -> None:
        """Set the mode of actor, critic and value network, but of no target network."""
        super().set_training_mode(mode)
        self.value.set_training_mode(mode)


class MaskedValueSACPolicy(MaskedPolicyMixin, ValuePolicyMixin, SACPolicy):
    """Policy of :class:`sb3_prune.ValueSAC`, with gates."""
