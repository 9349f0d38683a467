"""Leaving: an agent that has played in its training environment begins anew there."""

from __future__ import annotations

import warnings

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.her import HerReplayBuffer


def leave(model: BaseAlgorithm, env: VecEnv) -> None:
    """Let training begin a new episode if it goes on in an environment that was used.

    Else the last observation before and the first one after would be stored as a
    transition, which no environment has made.

    Args:
        model: The model. One that only has ``predict`` has no training environment.
        env: An environment in which an agent has played.
    """
    training = model.get_env() if isinstance(model, BaseAlgorithm) else None
    if training is None or env.unwrapped is not training.unwrapped:
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
