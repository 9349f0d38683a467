"""Rows of the table, by where the network sits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import gymnasium as gym
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticCnnPolicy, BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from user_networks.bodies import Body, BodyPolicy
from user_networks.case import Case, Expectation
from user_networks.worlds import cart_pole


def inside(path: str, layers: Mapping[str, int]) -> dict[str, int]:
    """Name layers by their place in the policy."""
    return {f"{path}.{name}": units for name, units in layers.items()}


def both(layers: Mapping[str, int]) -> dict[str, int]:
    """Name layers that the actor's body and the critic's have both."""
    return inside("mlp_extractor.pi", layers) | inside("mlp_extractor.vf", layers)


def on_bodies(
    body: type[Body],
    expectation: Expectation,
    reason: str,
    *,
    prunable: Mapping[str, int] | None = None,
    mixes: Mapping[str, int] | None = None,
    fixed: Mapping[str, int] | None = None,
) -> Case:
    """Describe PPO with a body for the actor and one for the critic.

    Args:
        body: Class of both.
        expectation: See :class:`Case`, like the other arguments.
        reason: Why.
        prunable: Layers of one body.
        mixes: Likewise.
        fixed: Likewise.
    """
    return Case(
        algorithm=PPO,
        policy=BodyPolicy,
        env=cart_pole,
        expectation=expectation,
        reason=reason,
        prunable=both(prunable or {}),
        mixes=both(mixes or {}),
        fixed=both(fixed or {}),
        policy_kwargs={"body": body},
    )


HEADS = {"mlp_extractor.policy_net.0": 8, "mlp_extractor.value_net.0": 6}
"""Layers of :func:`on_extractor` behind the extractor."""


def on_extractor(
    extractor: type[BaseFeaturesExtractor],
    env: Callable[[], gym.Env],  # type: ignore[type-arg]
    expectation: Expectation,
    reason: str,
    *,
    policy: type[BasePolicy] = ActorCriticCnnPolicy,
    prunable: Mapping[str, int] | None = None,
    mixes: Mapping[str, int] | None = None,
    fixed: Mapping[str, int] | None = None,
) -> Case:
    """Describe PPO with a features extractor and a small layer for either purpose.

    Args:
        extractor: Class of the features extractor.
        env: See :class:`Case`, like the other arguments.
        expectation: Likewise.
        reason: Likewise.
        policy: Likewise.
        prunable: Layers of the extractor.
        mixes: Likewise.
        fixed: Likewise.
    """
    return Case(
        algorithm=PPO,
        policy=policy,
        env=env,
        expectation=expectation,
        reason=reason,
        prunable=inside("features_extractor", prunable or {}) | HEADS,
        mixes=inside("features_extractor", mixes or {}),
        fixed=inside("features_extractor", fixed or {}),
        policy_kwargs={
            "features_extractor_class": extractor,
            "net_arch": {"pi": [8], "vf": [6]},
        },
    )
