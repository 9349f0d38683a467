"""Extras: the parameters of an agent's distribution, and the value that it expects."""

from __future__ import annotations

from collections.abc import Collection
from functools import singledispatch
from typing import Any

import torch
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.crossq.policies import CrossQPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from sb3_contrib.tqc.policies import TQCPolicy
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.dqn.policies import DQNPolicy
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import TD3Policy

from sb3_prune.exceptions import ExportError
from sb3_prune.policies.value import ValuePolicyMixin

Tensors = dict[str, torch.Tensor]
EXTRAS = ("distribution", "value")
"""What a decision can give besides the action."""


@singledispatch
def distribution(policy: BasePolicy, *inputs: Any) -> Tensors:
    """Return the parameters of the distribution of actions, each (batch, n).

    ``mean`` and ``log_std`` of a Gaussian, before its draws are squashed or clipped;
    ``logits`` of choices, those of several choices side by side.

    Args:
        policy: The policy.
        *inputs: What its ``_predict`` takes before ``deterministic``.

    Raises:
        ExportError: This policy has no distribution.
    """
    del inputs
    raise ExportError(
        f"{type(policy).__name__} has no distribution of actions: leave it out."
    )


@distribution.register(ActorCriticPolicy)
@distribution.register(MaskableActorCriticPolicy)
def _of_actor_critic(policy: Any, *inputs: Any) -> Tensors:
    found = policy.get_distribution(*inputs)
    return _parameters(found[0] if isinstance(found, tuple) else found)


@distribution.register(SACPolicy)
@distribution.register(TQCPolicy)
@distribution.register(CrossQPolicy)
def _of_actor(policy: Any, *inputs: Any) -> Tensors:
    actor = policy.actor
    mean, log_std, more = actor.get_action_dist_params(*inputs)
    return _parameters(actor.action_dist.proba_distribution(mean, log_std, **more))


def _parameters(found: Any) -> Tensors:
    inner = getattr(found, "distribution", None) or found.distributions
    if isinstance(inner, torch.distributions.Normal):
        return {"mean": inner.loc, "log_std": inner.scale.log()}
    each = inner if isinstance(inner, list) else [inner]
    return {"logits": torch.cat([part.logits for part in each], dim=1)}


@singledispatch
def value(policy: BasePolicy, *inputs: Any) -> torch.Tensor:
    """Return the value that the agent expects, (batch, n).

    The state value of an actor-critic and of ValueSAC; Q-values of all actions of DQN,
    QR-DQN (the mean of the quantiles) and BranchingDQN (its branches side by side);
    else the Q-value of the greedy action, of the critic that thinks least of it (TQC:
    the mean of all quantiles). They are in the units of the rewards of the training,
    scaled by VecNormalize if it did.

    Raises:
        ExportError: There is no critic, or it has a memory of its own.
    """
    del inputs
    raise ExportError(f"{type(policy).__name__} has no value: leave it out.")


@value.register(ActorCriticPolicy)
@value.register(MaskableActorCriticPolicy)
def _of_state(policy: Any, observation: Any, *_: Any) -> torch.Tensor:
    values: torch.Tensor = policy.predict_values(observation)
    return values


@value.register
def _of_remembered(policy: RecurrentActorCriticPolicy, *inputs: Any) -> torch.Tensor:
    if policy.lstm_critic is not None:
        raise ExportError(
            "The critic has an LSTM of its own, whose state SB3's predict does not "
            "carry: leave the value out."
        )
    values: torch.Tensor = policy.predict_values(*inputs)
    return values


@value.register(DQNPolicy)
def _of_actions(policy: Any, observation: Any) -> torch.Tensor:
    values: torch.Tensor = policy.q_net(observation)
    return values


@value.register(QRDQNPolicy)
def _of_quantiles(policy: Any, observation: Any) -> torch.Tensor:
    quantiles: torch.Tensor = policy.quantile_net(observation)
    return quantiles.mean(dim=1)


@value.register(SACPolicy)
@value.register(TD3Policy)
@value.register(CrossQPolicy)
def _of_greedy(policy: Any, observation: Any) -> torch.Tensor:
    if isinstance(policy, ValuePolicyMixin):
        state_value: torch.Tensor = policy.value(observation)
        return state_value
    action = policy._predict(observation, deterministic=True)
    return torch.cat(policy.critic(observation, action), dim=1).amin(1, keepdim=True)


@value.register(TQCPolicy)
def _of_truncated(policy: Any, observation: Any) -> torch.Tensor:
    action = policy._predict(observation, deterministic=True)
    quantiles: torch.Tensor = policy.critic(observation, action)
    return quantiles.mean(dim=(1, 2))[:, None]


def additional(policy: BasePolicy, names: Collection[str], *inputs: Any) -> Tensors:
    """Return what an export says besides the action, by the names of its outputs.

    Args:
        policy: The policy.
        names: Which of :data:`EXTRAS`.
        *inputs: What its ``_predict`` takes before ``deterministic``.
    """
    found: Tensors = {}
    if "distribution" in names:
        found |= distribution(policy, *inputs)
    if "value" in names:
        found["value"] = value(policy, *inputs)
    return found


def telling(policy: BasePolicy) -> str | None:
    """Return which of :data:`EXTRAS` says what an action is made of, if one does."""
    if isinstance(policy, DQNPolicy | QRDQNPolicy):
        return "value"
    known = distribution.dispatch(type(policy)) is not distribution.dispatch(object)
    return "distribution" if known else None


def scores(policy: BasePolicy, *inputs: Any) -> torch.Tensor | None:
    """Return what a greedy choice is made by, logits or values; None if unknown."""
    if isinstance(policy, ActorCriticPolicy | MaskableActorCriticPolicy):
        return distribution(policy, *inputs)["logits"]
    if isinstance(policy, DQNPolicy | QRDQNPolicy):
        return value(policy, *inputs)
    return None
