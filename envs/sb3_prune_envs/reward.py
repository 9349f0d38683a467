"""Distance, reward and success."""

import math
from typing import TypeVar

import numpy as np

from sb3_prune_envs.kinematics import Floats

Numbers = TypeVar("Numbers", float, Floats)

SUCCESS_REWARD = 0.9
"""Smallest reward that counts as a success (Feldotto et al. 2022, section 1)."""

SUCCESS_DISTANCE = 1 / math.sqrt(SUCCESS_REWARD) - 1
"""Distance whose reward is :data:`SUCCESS_REWARD`, about 0.054."""


def distances(tips: Floats, goals: Floats) -> Floats:
    """Compute the Euclidean distance of each tip from its goal.

    Args:
        tips: Tips (x, y). Shape (batch, 2).
        goals: Goals (x, y). Shape (batch, 2).

    Returns:
        Distances. Shape (batch,).
    """
    offsets = tips - goals
    offsets *= offsets
    squares: Floats = offsets[:, 0] + offsets[:, 1]
    return np.sqrt(squares)


def rewards(distance: Numbers) -> Numbers:
    r"""Compute the reward of a distance (Feldotto et al. 2022, section 1).

    .. math:: r = \left( \frac{1}{d + 1} \right)^2

    Args:
        distance: Distance d of the tip from the goal, a number or an array.

    Returns:
        Rewards in (0, 1], 1 at the goal. They have the shape of the distance.
    """
    inverse = 1 / (distance + 1)
    return inverse * inverse
