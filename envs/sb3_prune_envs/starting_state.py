"""The state in which episodes begin."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sb3_prune_envs.config import ArmConfig
from sb3_prune_envs.goals import sample_goals
from sb3_prune_envs.kinematics import Floats

RESET_OPTIONS = ("angles", "goal")
"""The keys that ``reset(options=...)`` understands."""


class StartingState(NamedTuple):
    """Joint angles and goals of a batch of arms."""

    angles: Floats
    """Relative joint angles [rad]. Shape (batch, n)."""

    goals: Floats
    """Goals (x, y). Shape (batch, 2)."""


def starting_state(
    config: ArmConfig,
    generators: Sequence[np.random.Generator],
    options: Mapping[str, Any] | None = None,
) -> StartingState:
    """Draw the starting state of each arm.

    Args:
        config: The arm and its task.
        generators: One random generator for each arm.
        options: May fix the "angles", shape (n,) or (batch, n) [rad], and the "goal",
            shape (2,) or (batch, 2). If the goal is fixed, no random number is drawn.

    Returns:
        The starting state of len(generators) arms.

    Raises:
        ValueError: If an option is unknown, has the wrong shape or is not finite, or if
            the goal is beyond the reach of the arm.
    """
    options = {} if options is None else options
    for name in options:
        if name not in RESET_OPTIONS:
            raise ValueError(f"unknown reset option {name!r}; known: {RESET_OPTIONS}")
    batch = len(generators)
    angles = _rows(
        "angles", options.get("angles", config.start), batch, config.n_joints
    )
    if "goal" not in options:
        return StartingState(angles, sample_goals(config, generators))
    goals = _rows("goal", options["goal"], batch, 2)
    if np.any(np.linalg.norm(goals, axis=1) > config.reach * (1 + 1e-9)):
        raise ValueError(f"goal {goals.tolist()} is beyond the reach {config.reach:g}")
    return StartingState(angles, np.clip(goals, -config.reach, config.reach))


def _rows(name: str, value: Any, batch: int, width: int) -> Floats:
    rows = np.array(value, dtype=np.float64)
    if rows.shape not in {(width,), (batch, width)} or not np.isfinite(rows).all():
        raise ValueError(
            f"{name} must be finite numbers of shape ({width},) or ({batch}, {width}), "
            f"not {value!r}"
        )
    return np.broadcast_to(rows, (batch, width)).copy()
