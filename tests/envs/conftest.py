"""What the environments' tests share."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray
from sb3_prune_envs import PlanarArmEnv, PlanarArmMujocoEnv
from sb3_prune_envs.kinematics import tip_positions

Oracle = Callable[[NDArray[np.float32]], NDArray[np.int64]]

ACTION_MODES = ("branch", "joint", "single", "continuous")


@pytest.fixture(params=[PlanarArmEnv, PlanarArmMujocoEnv])
def arm_class(request: pytest.FixtureRequest) -> type[PlanarArmEnv]:
    """The kinematic and the simulated arm."""
    return request.param


@pytest.fixture(params=ACTION_MODES)
def action_mode(request: pytest.FixtureRequest) -> str:
    """Every action mode."""
    return request.param


@pytest.fixture
def arm(arm_class: type[PlanarArmEnv], action_mode: str) -> Iterator[gym.Env[Any, Any]]:
    """Both arms in every action mode."""
    env = arm_class(action_mode=action_mode)
    yield env
    env.close()


@pytest.fixture
def greedy_oracle() -> Oracle:
    """The action, in mode "joint", after which the tip is nearest to the goal.

    It reads nothing but observations of arms with links 1/n, shape (batch, 2n + 2).
    """

    def act(seen: NDArray[np.float32]) -> NDArray[np.int64]:
        batch, n = len(seen), seen.shape[1] // 2 - 1
        angles = np.arctan2(seen[:, 0:-2:2], seen[:, 1:-2:2]).astype(np.float64)
        moves = np.array(list(product((0.05, -0.05, 0.0), repeat=n)))
        choices = (angles[:, None] + moves).reshape(-1, n)
        tips = tip_positions(choices, 1 / n).reshape(batch, -1, 2)
        return np.linalg.norm(tips - seen[:, None, -2:], axis=2).argmin(axis=1)

    return act
