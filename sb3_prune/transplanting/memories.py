"""Memories: transitions of a replay buffer, with the new observations and actions."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer

from sb3_prune.transplanting.ids import Sources

UNCHANGED = ("rewards", "dones", "timeouts")


def carry_memories(
    old: BaseAlgorithm, new: BaseAlgorithm, observations: Sources, actions: Sources
) -> str:
    """Carry the transitions of a replay buffer over, if the new agent can use them.

    New dimensions of continuous actions are 0 in old transitions, and new choices do
    not occur there. Nobody knows what a new sensor would have said.

    Args:
        old: The old agent.
        new: The new agent, whose buffer is empty.
        observations: Which old observation each new one is; empty if all stay.
        actions: Which old action each new one is.

    Returns:
        Why they stay behind; nothing if they were carried, or there are none.
    """
    ours, theirs = (getattr(m, "replay_buffer", None) for m in (old, new))
    if ours is None or theirs is None or ours.size() == 0:
        return ""
    why = _obstacle(ours, theirs, old.action_space, observations, actions)
    if why:
        return f"The replay buffer stays behind: {why}."
    count = ours.size()
    for name in UNCHANGED:
        getattr(theirs, name)[:count] = getattr(ours, name)[:count]
    for name in ("observations", "next_observations"):
        values = getattr(ours, name)[:count]
        getattr(theirs, name)[:count] = _mapped(values, observations)
    theirs.actions[:count] = _acted(ours.actions[:count], old.action_space, actions)
    theirs.pos, theirs.full = ours.pos, ours.full
    new.num_timesteps = old.num_timesteps
    return ""


def _obstacle(
    ours: Any,
    theirs: Any,
    space: spaces.Space[Any],
    observations: Sources,
    actions: Sources,
) -> str:
    """Return why transitions cannot be carried; nothing if they can."""
    plain = type(ours) is type(theirs) is ReplayBuffer
    if not plain or ours.optimize_memory_usage or theirs.optimize_memory_usage:
        return f"it is a {type(ours).__name__}, or optimised for memory"
    if (ours.buffer_size, ours.n_envs) != (theirs.buffer_size, theirs.n_envs):
        return "it is for another number of environments or transitions"
    if None in observations:
        return "nobody knows what new sensors would have said"
    if isinstance(space, spaces.Box):
        return ""
    if not isinstance(space, spaces.Discrete):
        return "its actions are neither Discrete nor Box"
    gone = set(range(int(space.n))) - set(actions)
    return f"it has the actions {sorted(gone)}, which are gone" if gone else ""


def _mapped(values: np.ndarray, sources: Sources) -> np.ndarray:
    """Return entries along the last axis in their new places; new ones are 0."""
    if not sources:
        return values
    found = np.zeros((*values.shape[:-1], len(sources)), values.dtype)
    for place, source in enumerate(sources):
        if source is not None:
            found[..., place] = values[..., source]
    return found


def _acted(
    values: np.ndarray, space: spaces.Space[Any], actions: Sources
) -> np.ndarray:
    if not isinstance(space, spaces.Discrete):
        return _mapped(values, actions)
    places = np.array([actions.index(action) for action in range(int(space.n))])
    found: np.ndarray = places[values.astype(int)].astype(values.dtype)
    return found
