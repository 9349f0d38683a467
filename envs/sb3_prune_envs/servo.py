r"""Servos stiff enough that joints settle within one control period.

A joint with inertia :math:`I` behind a servo of gains :math:`k_p, k_v` is an oscillator
of natural frequency :math:`\omega = \sqrt{k_p / I}`. Scaling the gains by the inertia
that each joint moves gives all joints the same, critically damped answer:

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
    """Natural frequency of every servo [rad/s]; above 80 joints settle in one step."""

    mass: float = 1.0
    """Mass of the whole arm, split evenly over the links [kg]."""

    armature: float = 0.01
    """Inertia of each joint's rotor [kg m^2]."""

    timestep: float = 0.005
    """Duration of a simulation step; divides the control period of 0.05 s [s]."""

    def __post_init__(self) -> None:
        """Check every field."""
        for field in fields(self):
            check_positive(field.name, getattr(self, field.name))
        if not math.isclose(self.substeps * self.timestep, CONTROL_PERIOD):
            raise ValueError(
                f"timestep must divide the control period of {CONTROL_PERIOD} s, "
                f"not {self.timestep!r}"
            )
        # The spring is integrated explicitly, so it needs a few steps per radian.
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
    """Torque by position error, k_p [N m/rad]."""

    damping: float
    """Torque by velocity, k_v [N m s/rad]."""


def split_servo_options(
    options: Mapping[str, Any],
) -> tuple[ServoConfig, dict[str, Any]]:
    """Take the servo's options out of an environment's keyword arguments.

    Returns:
        The servo's configuration, and the options that are not the servo's.
    """
    names = {field.name for field in fields(ServoConfig)}
    mine = {name: value for name, value in options.items() if name in names}
    others = {name: value for name, value in options.items() if name not in names}
    return ServoConfig(**mine), others


def distal_inertia(arm: ArmConfig, servo: ServoConfig, joint: int) -> float:
    r"""Compute the inertia that a joint of the outstretched arm turns.

    .. math:: I_i = \tfrac{1}{3} m_i l_i^2 + I_{armature}

    with mass and length of the slender rod that the links from joint i on form.

    Args:
        arm: The arm.
        servo: Gives mass and armature.
        joint: Index i of the joint, 0 at the base.

    Returns:
        Inertia about the joint [kg m^2].
    """
    links = arm.n_joints - joint
    mass = servo.mass * links / arm.n_joints
    return mass * (links * arm.length) ** 2 / 3 + servo.armature


def servo_gains(arm: ArmConfig, servo: ServoConfig) -> list[ServoGains]:
    """Compute the critically damped gains of every joint, the base's first."""
    frequency = servo.natural_frequency
    inertias = [distal_inertia(arm, servo, i) for i in range(arm.n_joints)]
    return [ServoGains(frequency**2 * i, 2 * frequency * i) for i in inertias]
