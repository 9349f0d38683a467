"""Distributions: those of the actions that a policy takes."""

from __future__ import annotations

from typing import Any

import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy

from sb3_prune.recording.observations import count_observations
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.flow.lstms import empty_states


def distribution_of(policy: Any, inputs: Inputs, **masks: Any) -> Any:
    """Return SB3's distribution of the actions; None if the policy has none.

    Args:
        policy: The policy.
        inputs: Its inputs; without states, LSTMs start with empty memory.
        **masks: Which actions are allowed, ``action_masks``, if the policy takes them.
    """
    seen: Any = inputs.observations
    if isinstance(policy, RecurrentActorCriticPolicy):
        count = count_observations(seen)
        states: Any = inputs.lstm_states or empty_states(policy, count)
        never = torch.zeros(count, device=policy.device)
        return policy.get_distribution(seen, states.pi, never)[0]
    if hasattr(policy, "get_distribution"):
        return policy.get_distribution(seen, **masks)
    actor: Any = getattr(policy, "actor", None)
    if not hasattr(actor, "get_action_dist_params"):
        return None
    mean, log_std, more = actor.get_action_dist_params(seen)
    return actor.action_dist.proba_distribution(mean, log_std, **more)
