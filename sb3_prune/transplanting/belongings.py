"""Belongings: what an agent has that its zip does not hold."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecNormalize

from sb3_prune.exceptions import TransplantError
from sb3_prune.runs.pickles import check_moments, read_replay_buffer, read_statistics


def with_belongings(
    old: BaseAlgorithm, vecnormalize: Any, replay_buffer: Any
) -> BaseAlgorithm:
    """Return an agent with the statistics and the replay buffer that are its own.

    Args:
        old: The agent; it stays as it is.
        vecnormalize: The ``VecNormalize`` that it was trained in, or the file that
            ``VecNormalize.save`` wrote; None leaves that of the agent's environment.
        replay_buffer: Its replay buffer, or the file that ``save_replay_buffer`` wrote;
            None leaves that of the agent. **Files are unpickled, which can run any
            code.**

    Returns:
        The agent itself if nothing is given, else a copy with the same networks.

    Raises:
        TransplantError: One of them is something else, or is not that of the agent.
        CheckpointError: A file is missing or broken.
        NonFiniteError: A statistic is NaN or infinite.
    """
    if vecnormalize is None and replay_buffer is None:
        return old
    found: Any = copy.copy(old)
    if vecnormalize is not None:
        found._vec_normalize_env = _statistics(old, vecnormalize)
    if replay_buffer is not None:
        found.replay_buffer = _memories(old, replay_buffer)
    return found  # type: ignore[no-any-return]


def _statistics(old: BaseAlgorithm, given: Any) -> VecNormalize:
    env = read_statistics(Path(given)) if isinstance(given, str | Path) else given
    if not isinstance(env, VecNormalize):
        raise TransplantError(
            "vecnormalize must be a VecNormalize or the path of its file, got a "
            f"{type(env).__name__}."
        )
    check_moments(env, "vecnormalize")
    ours, theirs = old.observation_space, env.observation_space
    if env.norm_obs and not (_same_shape(ours, theirs) or _is_stacked(ours, theirs)):
        raise TransplantError(
            f"vecnormalize has statistics of {theirs}, but the agent observes {ours}: "
            "they are of another agent."
        )
    return env if env.venv is not None else _without_env(env)


def _without_env(env: VecNormalize) -> VecNormalize:
    """Return a copy that can be asked for attributes; as SB3 loads it, it recurs."""
    found = VecNormalize.__new__(VecNormalize)
    vars(found).update(vars(env), class_attributes={})
    return found


def _same_shape(ours: spaces.Space[Any], theirs: spaces.Space[Any]) -> bool:
    if isinstance(ours, spaces.Dict) and isinstance(theirs, spaces.Dict):
        shapes = [{key: each[key].shape for key in each} for each in (ours, theirs)]
        return shapes[0] == shapes[1]
    return type(ours) is type(theirs) and ours.shape == theirs.shape


def _is_stacked(ours: spaces.Space[Any], theirs: spaces.Space[Any]) -> bool:
    """Tell whether an agent may see several normalised frames at once."""
    if not (isinstance(ours, spaces.Box) and isinstance(theirs, spaces.Box)):
        return False
    ndim = len(ours.shape)
    return ndim == len(theirs.shape) and all(
        many % one == 0 for many, one in zip(ours.shape, theirs.shape, strict=True)
    )


def _memories(old: BaseAlgorithm, given: Any) -> ReplayBuffer:
    if not isinstance(old, OffPolicyAlgorithm):
        raise TransplantError(f"{type(old).__name__} has no replay buffer.")
    buffer = read_replay_buffer(Path(given)) if isinstance(given, str | Path) else given
    if not isinstance(buffer, ReplayBuffer):
        raise TransplantError(
            "replay_buffer must be a ReplayBuffer or the path of its file, got a "
            f"{type(buffer).__name__}."
        )
    for what in ("observation_space", "action_space"):
        ours, theirs = getattr(old, what), getattr(buffer, what)
        if ours != theirs:
            noun = what.replace("_", " ")
            raise TransplantError(
                f"replay_buffer has the {noun} {theirs}, the agent {ours}: it is of "
                "another agent."
            )
    found = copy.copy(buffer)
    found.device = old.device
    if isinstance(buffer, HerReplayBuffer) and isinstance(found, HerReplayBuffer):
        found.env = buffer.env or _Silent()  # type: ignore[assignment]
    return found


class _Silent:
    """Stands for the environment that a buffer of hindsight has lost.

    It asks for rewards of other goals, but only observations are looked at here.
    """

    def env_method(self, name: str, goals: Any, *_: Any, **__: Any) -> list[np.ndarray]:
        return [np.zeros(len(goals))]
