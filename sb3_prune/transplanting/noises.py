"""Noises: the action noise of TD3, say, for other actions and environments."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import (
    NormalActionNoise,
    OrnsteinUhlenbeckActionNoise,
    VectorizedActionNoise,
)

from sb3_prune.exceptions import TransplantError
from sb3_prune.transplanting.heads import count_actions
from sb3_prune.transplanting.ids import Sources, is_same, pair

KINDS = (NormalActionNoise, OrnsteinUhlenbeckActionNoise)
"""Noises of which every number is known."""
NUMBERS = ("_mu", "_sigma", "_theta", "_dt", "initial_noise")
"""What they have, once for all actions or once for each."""
ELSE = (
    "build the new agent with noise of its own, and call transplant_into(new, old, "
    "...)."
)


def carry_noise(old: BaseAlgorithm, new: BaseAlgorithm, actions: Any) -> None:
    """Give a new agent the action noise of an old one, for its own actions.

    The noise of each action follows it; that of a new one has the means of the others'
    numbers. It begins anew, as at the start of an episode, and SB3 makes copies of it
    for several environments when the agent learns.

    Args:
        old: The old agent; it stays as it is.
        new: The new agent, built with the noise of the old one.
        actions: Which new action is which old one, as a user gives it.

    Raises:
        TransplantError: The actions change, and nobody knows the kind of noise, or it
            is for another number of actions.
    """
    noise: Any = getattr(old, "action_noise", None)
    boxes = (old.action_space, new.action_space)
    if noise is None or not all(isinstance(space, spaces.Box) for space in boxes):
        return
    count = count_actions(boxes[0])
    sources = pair("actions", actions, count, count_actions(boxes[1]))
    shapes = [tuple(space.shape or ()) for space in boxes]
    own = copy.deepcopy(noise)
    if isinstance(own, VectorizedActionNoise):  # It is for the old environments.
        own = own.base_noise
    if not is_same(sources, count) or shapes[0] != shapes[1]:
        _map(own, sources, count, shapes[1])
    own.reset()
    new.action_noise = own


def _map(noise: Any, sources: Sources, count: int, shape: tuple[int, ...]) -> None:
    if type(noise) not in KINDS:
        raise TransplantError(
            f"action_noise is a {type(noise).__name__}, which nobody knows how to give "
            f"to other actions: {ELSE}"
        )
    for name in NUMBERS:
        value = getattr(noise, name, None)
        if value is not None and not _is_shared(value, count):
            mapped = _mapped(np.ravel(value), sources, count)
            setattr(noise, name, mapped.reshape(shape))


def _is_shared(value: Any, count: int) -> bool:
    """Tell whether a number is for all actions; with one action it is for that one."""
    return np.ndim(value) == 0 or np.size(value) == 1 < count


def _mapped(value: np.ndarray, sources: Sources, count: int) -> np.ndarray:
    if value.size != count:
        raise TransplantError(
            f"action_noise is for {value.size} actions, but the old agent has {count}: "
            f"{ELSE}"
        )
    known = np.mean([value[s] for s in sources if s is not None])
    return np.array([known if s is None else value[s] for s in sources])
