"""Random goals."""

import math
from collections.abc import Sequence

import numpy as np

from sb3_prune_envs.config import ArmConfig
from sb3_prune_envs.kinematics import Floats, tip_positions

_MAX_DRAWS = 1000


def sample_goals(
    config: ArmConfig, generators: Sequence[np.random.Generator]
) -> Floats:
    """Draw one goal from each generator.

    The distribution is ``config.goals``:

    - "half": uniform by area in the half disc x >= 0, between ``min_goal_radius`` and
      the reach.
    - "full": uniform by area in the whole disc, between the same radii.
    - "fk": the tip position of uniformly random joint angles. A goal within
      ``min_goal_radius`` is drawn again.

    Args:
        config: The arm and its distribution of goals.
        generators: One random generator per arm, so that an arm's goals do not depend
            on the other arms.

    Returns:
        Goals (x, y). Shape (len(generators), 2).

    Raises:
        RuntimeError: If "fk" finds no tip position beyond the smallest radius.
    """
    if config.goals == "fk":
        return _sample_tips(config, generators)
    return _disc_points(config, _uniforms(generators, 2))


def _disc_points(config: ArmConfig, uniforms: Floats) -> Floats:
    # Area grows with the squared radius, so uniform squares are uniform by area.
    smallest, largest = config.min_goal_radius**2, config.reach**2
    radius = np.sqrt(smallest + uniforms[:, 0] * (largest - smallest))
    widest = math.pi / 2 if config.goals == "half" else math.pi
    angle = (2 * uniforms[:, 1] - 1) * widest
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return _within_reach(config, points)


def _sample_tips(
    config: ArmConfig, generators: Sequence[np.random.Generator]
) -> Floats:
    points = np.zeros((len(generators), 2))
    missing = np.arange(len(generators))
    for _ in range(_MAX_DRAWS):
        uniforms = _uniforms([generators[i] for i in missing.tolist()], config.n_joints)
        tips = tip_positions((2 * uniforms - 1) * math.pi, config.length)
        points[missing] = _within_reach(config, tips)
        squares = tips[:, 0] ** 2 + tips[:, 1] ** 2
        missing = missing[squares < config.min_goal_radius**2]
        if not len(missing):
            return points
    raise RuntimeError(
        f"no goal in {_MAX_DRAWS} draws: the tip of random joint angles (goals='fk') "
        f"almost never lies beyond min_goal_radius={config.min_goal_radius:g}; choose "
        f"a smaller radius or goals='half'"
    )


def _uniforms(generators: Sequence[np.random.Generator], count: int) -> Floats:
    uniforms = np.empty((len(generators), count))
    for row, generator in zip(uniforms, generators, strict=True):
        generator.random(out=row)
    return uniforms


def _within_reach(config: ArmConfig, points: Floats) -> Floats:
    # Rounding may put the tip of an outstretched arm just beyond the bound of the
    # observation space.
    return np.clip(points, -config.reach, config.reach)
