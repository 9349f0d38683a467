"""Memories: transitions of a replay buffer, with the new observations and actions."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer

from sb3_prune.surgery.flow.ports import by_key
from sb3_prune.transplanting.heads import branches_of, count_actions
from sb3_prune.transplanting.ids import Sources, split
from sb3_prune.transplanting.observing import ObservationMap
from sb3_prune.transplanting.ranges import misfit, other_bounds

KINDS = (ReplayBuffer, DictReplayBuffer, HerReplayBuffer)
"""Buffers whose contents are known."""
UNCHANGED = ("rewards", "dones", "timeouts")
EPISODES = ("ep_start", "ep_length", "_current_ep_start", "infos")
"""What a HerReplayBuffer knows of episodes."""


def carry_memories(
    old: BaseAlgorithm, new: BaseAlgorithm, seen: ObservationMap, actions: Sources
) -> str:
    """Carry the transitions of a replay buffer over, if the new agent can use them.

    New dimensions of continuous actions are 0 in old transitions, and new choices do
    not occur there. Nobody knows what a new sensor would have said.

    Args:
        old: The old agent.
        new: The new agent, whose buffer is empty.
        seen: Which old observation each new one is.
        actions: Which old action each new one is.

    Returns:
        Why they stay behind; nothing if they were carried, or there are none.
    """
    ours, theirs = (getattr(m, "replay_buffer", None) for m in (old, new))
    if ours is None or theirs is None or ours.size() == 0:
        return ""
    count = ours.size()
    why = _obstacle(ours, theirs) or _unseen(seen)
    why = why or _unlike(ours, theirs, actions) or misfit(ours, seen)
    if why:
        number = f"{count * ours.n_envs:,}"
        return f"The replay buffer stays behind, {number} transitions: {why}."
    for name in UNCHANGED:
        getattr(theirs, name)[:count] = getattr(ours, name)[:count]
    for name in ("observations", "next_observations"):
        _carry_observations(getattr(ours, name), getattr(theirs, name), seen, count)
    theirs.actions[:count] = _acted(ours, theirs, actions, count)
    theirs.pos, theirs.full = ours.pos, ours.full
    if isinstance(ours, HerReplayBuffer):
        _carry_episodes(ours, theirs)
    new.num_timesteps = old.num_timesteps
    return ""


def _carry_episodes(ours: HerReplayBuffer, theirs: HerReplayBuffer) -> None:
    """Carry what is known of episodes; the last one has been broken off."""
    for name in EPISODES:
        setattr(theirs, name, getattr(ours, name).copy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SB3 tells that it is broken off.
        theirs.truncate_last_trajectory()


def _carry_observations(
    ours: Any, theirs: Any, seen: ObservationMap, count: int
) -> None:
    given = {k: each[:count] for k, each in by_key(ours).items()}
    room = {k: np.zeros_like(each[:count]) for k, each in by_key(theirs).items()}
    found = by_key(seen.mapped(given, room if isinstance(theirs, dict) else room[""]))
    for key, each in by_key(theirs).items():
        each[:count] = found[key]


def _obstacle(ours: Any, theirs: Any) -> str:
    """Return why nothing can be carried into another buffer; nothing if it can."""
    kinds = [type(ours), type(theirs)]
    names = [each.__name__ for each in kinds]
    if kinds[0] is not kinds[1]:
        return f"it is a {names[0]}, that of the new agent a {names[1]}"
    if kinds[0] not in KINDS:
        return f"nobody knows how to carry a {names[0]} over"
    if ours.optimize_memory_usage or theirs.optimize_memory_usage:
        return "one of the two is optimised for memory"
    if (ours.buffer_size, ours.n_envs) != (theirs.buffer_size, theirs.n_envs):
        return "it is for another number of environments or transitions"
    return ""


def _unseen(seen: ObservationMap) -> str:
    """Return why observations cannot be carried; nothing if they can."""
    if seen.asks_for_more:
        return "nobody knows what new sensors would have said"
    if seen.loses_choices:
        return "choices that it observed do not exist any more"
    return ""


def _unlike(ours: Any, theirs: Any, actions: Sources) -> str:
    """Return why actions cannot be carried; nothing if they can."""
    space = ours.action_space
    if not isinstance(space, spaces.Discrete | spaces.MultiDiscrete | spaces.Box):
        return "its actions are neither choices nor Box"
    if other_bounds(space, theirs.action_space, actions):
        return "its actions have other bounds"
    if gone := sorted(set(range(count_actions(space))) - set(actions)):
        return f"it has the actions {gone}, which are gone"
    whole = [each is not None for each in _places(space, theirs.action_space, actions)]
    if not all(whole):
        return f"no action is known of the new branch {whole.index(False)}"
    return ""


def _places(
    old: spaces.Space[Any], new: spaces.Space[Any], actions: Sources
) -> list[tuple[int, list[int]] | None]:
    """Return, by new branch, the old one and where each of its choices is there.

    It is None where no old branch is whole: an action may have been another one.
    """
    whole = split(tuple(range(count_actions(old))), branches_of(old))
    found: list[tuple[int, list[int]] | None] = []
    for own in split(actions, branches_of(new)):
        known = [n for n, each in enumerate(whole) if set(each) <= set(own)]
        places = [own.index(choice) for choice in whole[known[0]]] if known else []
        found.append((known[0], places) if known else None)
    return found


def _acted(ours: Any, theirs: Any, actions: Sources, count: int) -> np.ndarray:
    """Return the actions as the new agent takes them, (steps, environments, ...)."""
    values: np.ndarray = ours.actions[:count]
    found: np.ndarray = np.zeros_like(theirs.actions[:count])
    if isinstance(ours.action_space, spaces.Box):
        for place, source in enumerate(actions):
            if source is not None:
                found[..., place] = values[..., source]
        return found
    chosen = _places(ours.action_space, theirs.action_space, actions)
    for place, known in enumerate(filter(None, chosen)):
        branch, places = known
        found[..., place] = np.array(places)[values[..., branch].astype(int)]
    return found
