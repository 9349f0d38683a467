"""Where users put their networks: one per purpose, or one before everything."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn


class Body(nn.Module):
    """A network between the features and the heads.

    Attributes:
        out: Width of its output.
    """

    out: ClassVar[int]

    def __init__(self, width: int) -> None:
        super().__init__()
        self.build(width)

    def build(self, width: int) -> None:
        """Make the layers."""
        raise NotImplementedError


class TwoBodies(nn.Module):
    """A body for the actor and one for the critic, in place of ``MlpExtractor``."""

    def __init__(self, body: type[Body], width: int) -> None:
        super().__init__()
        self.pi, self.vf = body(width), body(width)
        self.latent_dim_pi = self.latent_dim_vf = body.out

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: torch.Tensor) -> torch.Tensor:
        return self.pi(features)

    def forward_critic(self, features: torch.Tensor) -> torch.Tensor:
        return self.vf(features)


class BodyPolicy(ActorCriticPolicy):
    """An actor-critic policy of two bodies."""

    def __init__(self, *args: Any, body: type[Body], **kwargs: Any) -> None:
        self.body = body
        super().__init__(*args, **kwargs)

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = TwoBodies(self.body, self.features_dim)  # type: ignore

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "body": self.body}


class Extractor(BaseFeaturesExtractor):
    """A features extractor whose subclasses only make layers and run them.

    Attributes:
        out: Width of its output.
    """

    out: ClassVar[int]

    def __init__(self, observation_space: spaces.Space[Any]) -> None:
        super().__init__(observation_space, self.out)
        self.build(observation_space)

    def build(self, space: Any) -> None:
        """Make the layers."""
        raise NotImplementedError
