"""The options of a planar arm and their checks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, Literal, TypedDict, get_args

from sb3_prune_envs.checks import (
    check_choice,
    check_count,
    check_positive,
    is_finite_number,
)

ActionMode = Literal["branch", "joint", "single", "continuous"]
"""How an action encodes the joints' moves; see :mod:`sb3_prune_envs.actions`."""

GoalLaw = Literal["half", "full", "fk"]
"""How goals are drawn; see :mod:`sb3_prune_envs.goals`."""

MAX_JOINTS_JOINT_MODE = 10
"""Largest n in action mode "joint", which has 3^n actions (59,049 for ten joints)."""


class ArmOptions(TypedDict, total=False):
    """The fields of :class:`ArmConfig` as keyword arguments of an environment."""

    n_joints: int
    link_length: float | None
    start_angles: Sequence[float] | None
    goals: GoalLaw
    min_goal_radius: float
    joint_step: float
    action_mode: ActionMode


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmConfig:
    """A planar arm with n revolute joints and its reaching task.

    Source: Feldotto et al. 2022, section 1.

    Raises:
        ValueError: If a value is outside its range; the message names the value and
            what was expected.
    """

    n_joints: int = 3
    """Number of revolute joints n, at least 1."""

    link_length: float | None = None
    """Length of every link; None means 1/n, so that the reach of the arm is 1."""

    start_angles: Sequence[float] | None = None
    """Joint angles at the start of an episode, n numbers [rad]; None means straight."""

    goals: GoalLaw = "half"
    """Distribution of goals: "half" disc, "full" disc, or "fk" (tip positions of random
    joint angles)."""

    min_goal_radius: float = 0.0
    """Smallest distance of a goal from the base, in [0, reach)."""

    joint_step: float = 0.05
    """Largest change of a joint angle in one step, greater than 0 [rad]."""

    action_mode: ActionMode = "branch"
    """Action encoding: "branch", "joint", "single" or "continuous"."""

    def __post_init__(self) -> None:
        """Check every field and store the start angles as a tuple."""
        check_count("n_joints", self.n_joints)
        if self.link_length is not None:
            check_positive("link_length", self.link_length)
        check_positive("joint_step", self.joint_step)
        check_choice("goals", self.goals, get_args(GoalLaw))
        check_choice("action_mode", self.action_mode, get_args(ActionMode))
        self._check_mode_size()
        self._check_radius()
        object.__setattr__(self, "start_angles", self._checked_start_angles())

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "ArmConfig":
        """Build a configuration from an environment's keyword arguments.

        Raises:
            TypeError: If an option does not exist; the message lists the options.
            ValueError: If a value is outside its range.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise TypeError(_unknown_option(name, known))
        return cls(**options)

    @property
    def length(self) -> float:
        """Length of one link."""
        return 1 / self.n_joints if self.link_length is None else self.link_length

    @property
    def reach(self) -> float:
        """Length of the outstretched arm, n times the link length."""
        return 1.0 if self.link_length is None else self.n_joints * self.link_length

    @property
    def start(self) -> tuple[float, ...]:
        """Joint angles at the start of an episode, n numbers [rad]."""
        if self.start_angles is None:
            return (0.0,) * self.n_joints
        return tuple(self.start_angles)

    def _check_mode_size(self) -> None:
        if self.action_mode == "joint" and self.n_joints > MAX_JOINTS_JOINT_MODE:
            raise ValueError(
                f"action_mode 'joint' has 3**n_joints actions; n_joints must be at "
                f"most {MAX_JOINTS_JOINT_MODE}, not {self.n_joints}; use 'branch'"
            )

    def _check_radius(self) -> None:
        radius = self.min_goal_radius
        if not (is_finite_number(radius) and 0 <= radius < self.reach):
            raise ValueError(
                f"min_goal_radius must be in [0, {self.reach:g}), the arm's reach, "
                f"not {self.min_goal_radius!r}"
            )

    def _checked_start_angles(self) -> tuple[float, ...] | None:
        if self.start_angles is None:
            return None
        complaint = (
            f"start_angles must be {self.n_joints} finite numbers, one for each joint, "
            f"not {self.start_angles!r}"
        )
        try:
            angles = tuple(map(float, self.start_angles))
        except (TypeError, ValueError) as error:
            raise ValueError(complaint) from error
        if len(angles) != self.n_joints or not all(map(math.isfinite, angles)):
            raise ValueError(complaint)
        return angles


def _unknown_option(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    hint = f" did you mean {close[0]!r}?" if close else ""
    return f"unknown option {name!r};{hint} the arm takes {', '.join(known)}"
