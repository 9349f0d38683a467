r"""Servos that are stiff enough for joints to settle within one control period.

A joint with inertia :math:`I` and a servo with gains :math:`k_p, k_v` is an oscillator
with natural frequency :math:`\omega = \sqrt{k_p / I}`. The gains are proportional to
the inertia that each joint moves, so that all joints have the same, critically damped
response:

.. math:: k_{p,i} = \omega^2 I_i, \qquad k_{v,i} = 2 \omega I_i
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, TypedDict

from sb3_prune_envs.checks import check_positive
from sb3_prune_envs.config import ArmConfig

CONTROL_PERIOD = 0.05
"""Seconds between two actions (Feldotto et al. 2022, section 1)."""


class ServoOptions(TypedDict, total=False):
    """The fields of :class:`ServoConfig` as keyword arguments of an environment."""

    natural_frequency: float
    mass: float
    armature: float
    timestep: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ServoConfig:
    """The body and the servos of a simulated arm.

    Raises:
        ValueError: If a value is outside its range; the message names the value and
            what was expected.
    """

    natural_frequency: float = 100.0
    """Natural frequency of every servo [rad/s]; above 80, joints settle in one step."""

    mass: float = 1.0
    """Mass of the whole arm, split evenly over the links [kg]."""

    armature: float = 0.01
    """Inertia of each joint's rotor [kg m^2]."""

    timestep: float = 0.005
    """Duration of a simulation step; must divide the control period of 0.05 s [s]."""

    def __post_init__(self) -> None:
        """Check every field."""
        for field in fields(self):
            check_positive(field.name, getattr(self, field.name))
        if not math.isclose(self.substeps * self.timestep, CONTROL_PERIOD):
            raise ValueError(
                f"timestep must divide the control period of {CONTROL_PERIOD} s, "
                f"not {self.timestep!r}"
            )
        # Explicit integration of the servo's spring needs at least one step per radian.
        if self.natural_frequency * self.timestep > 1:
            raise ValueError(
                f"natural_frequency must be at most {1 / self.timestep:g} rad/s, one "
                f"over the timestep, not {self.natural_frequency!r}; simulate it with "
                f"a smaller timestep"
            )

    @property
    def substeps(self) -> int:
        """Simulation steps in one control period."""
        return round(CONTROL_PERIOD / self.timestep)


class ServoGains(NamedTuple):
    """Gains of one servo."""

    stiffness: float
    """Torque per position error, k_p [N m/rad]."""

    damping: float
    """Torque per velocity, k_v [N m s/rad]."""


def split_servo_options(
    options: Mapping[str, Any],
) -> tuple[ServoConfig, dict[str, Any]]:
    """Split an environment's keyword arguments into servo options and others.

    Returns:
        The servo's configuration, and the other options.
    """
    names = {field.name for field in fields(ServoConfig)}
    mine = {name: value for name, value in options.items() if name in names}
    others = {name: value for name, value in options.items() if name not in names}
    return ServoConfig(**mine), others


def distal_inertia(arm: ArmConfig, servo: ServoConfig, joint: int) -> float:
    r"""Compute the inertia that a joint of the outstretched arm moves.

    .. math:: I_i = \tfrac{1}{3} m_i l_i^2 + I_{armature}

    The links from joint i to the tip count as one slender rod, with mass :math:`m_i`
    and length :math:`l_i`.

    Args:
        arm: The arm.
        servo: Mass and armature of the arm.
        joint: Index i of the joint, 0 at the base.

    Returns:
        Inertia about the joint [kg m^2].
    """
    links = arm.n_joints - joint
    mass = servo.mass * links / arm.n_joints
    return mass * (links * arm.length) ** 2 / 3 + servo.armature


def servo_gains(arm: ArmConfig, servo: ServoConfig) -> list[ServoGains]:
    """Compute the critically damped gains of every joint, from the base to the tip."""
    frequency = servo.natural_frequency
    inertias = [distal_inertia(arm, servo, i) for i in range(arm.n_joints)]
    return [ServoGains(frequency**2 * i, 2 * frequency * i) for i in inertias]
