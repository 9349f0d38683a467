"""Leaving: an agent that has played in its training environment begins anew there."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.her import HerReplayBuffer

from sb3_prune.exceptions import ConfigError


def check_free(model: BaseAlgorithm, env: VecEnv) -> None:
    """Check that an environment is not one in which an agent is training right now.

    Raises:
        ConfigError: ``learn()`` of the model is running, and steps this environment.
    """
    if _shares(model, env) and _is_learning(model):
        raise ConfigError(
            "env is the environment in which the agent trains at this moment, and "
            "playing in it would break off its rollout: make another one."
        )


def _shares(model: BaseAlgorithm, env: VecEnv) -> bool:
    """Tell whether an environment is that in which a model trains, wrapped or not."""
    training = model.get_env() if isinstance(model, BaseAlgorithm) else None
    return training is not None and env.unwrapped is training.unwrapped


def _is_learning(model: BaseAlgorithm) -> bool:
    """Tell whether ``learn()`` of a model has called us, and goes on afterwards.

    SB3 does not note that, so we look who is on the stack.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "on_training_end":
            return False
        if frame.f_code.co_name == "learn" and frame.f_locals.get("self") is model:
            return True
        frame = frame.f_back
    return False


def leave(model: BaseAlgorithm, env: VecEnv) -> None:
    """Let training begin a new episode if it goes on in an environment that was used.

    Else the last observation before and the first one after would be stored as a
    transition, which no environment has made.

    Args:
        model: The model. One that only has ``predict`` has no training environment.
        env: An environment in which an agent has played.
    """
    if not _shares(model, env):
        return
    model._last_obs = None
    replay = getattr(model, "replay_buffer", None)
    if replay is not None and replay.size():
        end_episode(replay)


def end_episode(buffer: ReplayBuffer) -> None:
    """Mark the unfinished episode as ended if the buffer would continue it.

    The next transition belongs to a new episode. Some buffers would take it for the
    successor of the last stored transition. A plain buffer stores the next observation
    with each transition, so there is nothing to do.
    """
    last = buffer.pos - 1
    if isinstance(buffer, HerReplayBuffer):
        with warnings.catch_warnings():
            # It warns that the trajectory is truncated, which is what we want.
            warnings.simplefilter("ignore", UserWarning)
            buffer.truncate_last_trajectory()
    elif isinstance(buffer, NStepReplayBuffer):
        ended = np.maximum(buffer.timeouts[last], 1 - buffer.dones[last])
        buffer.timeouts[last] = ended
    elif buffer.optimize_memory_usage:
        buffer.dones[last] = 1  # As in SB3: this buffer cannot store a timeout.
