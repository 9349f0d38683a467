"""The observation space of an arm."""

from typing import Any

import numpy as np
from gymnasium.spaces import Box, Space
from numpy.typing import NDArray

from sb3_prune_envs.config import ArmConfig


def observation_space(config: ArmConfig) -> Space[NDArray[np.float32]]:
    """Build the space of one observation (Feldotto et al. 2022, eq. (1)).

    Returns:
        A box of shape (2n + 2,): sines and cosines in [-1, 1], the goal in
        [-reach, reach].
    """
    high = np.ones(2 * config.n_joints + 2, dtype=np.float32)
    high[-2:] = config.reach
    space: Space[Any] = Box(-high, high, dtype=np.float32)
    return space
