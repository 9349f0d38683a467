"""Tests for spaces.py."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sb3_prune_envs.config import ArmConfig
from sb3_prune_envs.spaces import observation_space


@pytest.mark.parametrize("n", [1, 2, 6])
def test_size_and_bounds(n: int) -> None:
    space = observation_space(ArmConfig(n_joints=n, link_length=0.5))
    assert space.shape == (2 * n + 2,)
    assert space.dtype == np.float32
    assert_array_equal(space.high[:-2], 1.0)
    assert_array_equal(space.high[-2:], n / 2)
    assert_array_equal(space.low, -space.high)
