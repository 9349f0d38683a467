"""Adopt: give the policy of a stock model its gates, in place."""

from __future__ import annotations

from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.crossq.policies import CrossQPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from sb3_contrib.tqc.policies import TQCPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.dqn.policies import DQNPolicy
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import TD3Policy

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.policies import masked
from sb3_prune.policies.mixin import MaskedPolicyMixin
from sb3_prune.surgery.dimensions import refresh_caches

MASKED: dict[type[BasePolicy], type[BasePolicy]] = {
    ActorCriticPolicy: masked.MaskedActorCriticPolicy,
    CrossQPolicy: masked.MaskedCrossQPolicy,
    DQNPolicy: masked.MaskedDQNPolicy,
    MaskableActorCriticPolicy: masked.MaskedMaskableActorCriticPolicy,
    QRDQNPolicy: masked.MaskedQRDQNPolicy,
    RecurrentActorCriticPolicy: masked.MaskedRecurrentActorCriticPolicy,
    SACPolicy: masked.MaskedSACPolicy,
    TD3Policy: masked.MaskedTD3Policy,
    TQCPolicy: masked.MaskedTQCPolicy,
}
"""The masked class of each stock ``MlpPolicy``."""


def adopt(model: BaseAlgorithm) -> MaskedPolicyMixin:
    """Give a model of a stock ``MlpPolicy`` its gates; a masked model stays as it is.

    Call it also after loading a cut model whose networks have batch normalisation: SB3
    looks for their statistics before the networks have their final width.

    The policy object keeps its identity, weights, targets and optimisers: it only
    becomes an instance of the masked subclass, so nothing that holds it goes stale.

    Args:
        model: A model, e.g. from ``SAC.load("stock.zip")``.

    Returns:
        The model's policy.

    Raises:
        UnsupportedPolicyError: There is no masked class for the policy.
    """
    policy = model.policy
    refresh_caches(model)
    if isinstance(policy, MaskedPolicyMixin):
        return policy
    name = type(policy).__name__
    if type(policy) not in MASKED:
        known = ", ".join(sorted(cls.__name__ for cls in MASKED))
        raise UnsupportedPolicyError(
            f"No masked class for {name}. Known: {known}. For your own, write "
            f"`class Masked{name}(sb3_prune.MaskedPolicyMixin, {name}): ...` "
            "and build or load the model with it."
        )
    cls = MASKED[type(policy)]
    policy.__class__ = cls
    model.policy_class = cls
    assert isinstance(policy, MaskedPolicyMixin)
    policy.initialize_gates()
    return policy
