"""Bare policies: of behaviour cloning, say, which no algorithm has trained."""

from __future__ import annotations

import copy
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy

BUFFERS = ("replay_buffer", "rollout_buffer")


def as_agent(old: BaseAlgorithm | BasePolicy, new: BaseAlgorithm) -> BaseAlgorithm:
    """Return an agent around a policy; an agent is returned as it is.

    Args:
        old: An agent, or a policy alone, which stays as it is.
        new: An agent of the algorithm that the policy is taken to be of.
    """
    if isinstance(old, BaseAlgorithm):
        return old
    agent: Any = copy.copy(new)
    agent.policy = old
    agent.observation_space = old.observation_space
    agent.action_space = old.action_space
    agent.env = agent._vec_normalize_env = agent._last_obs = None
    for name in BUFFERS:
        if hasattr(agent, name):
            setattr(agent, name, None)
    if hasattr(agent, "_create_aliases"):
        agent._create_aliases()
    made: BaseAlgorithm = agent
    return made
