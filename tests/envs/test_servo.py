"""Tests for servo.py."""

from dataclasses import fields

import pytest
from sb3_prune_envs.config import ArmConfig
from sb3_prune_envs.servo import (
    ServoConfig,
    ServoOptions,
    distal_inertia,
    servo_gains,
    split_servo_options,
)

ARM = ArmConfig(n_joints=2)


def test_inertia_is_that_of_a_rod() -> None:
    servo = ServoConfig(mass=2.0, armature=0.25)
    assert distal_inertia(ARM, servo, 0) == pytest.approx(2 / 3 + 0.25)
    assert distal_inertia(ARM, servo, 1) == pytest.approx(1 * 0.5**2 / 3 + 0.25)


def test_gains_are_critically_damped() -> None:
    servo = ServoConfig(natural_frequency=50.0)
    for joint, gains in enumerate(servo_gains(ARM, servo)):
        inertia = distal_inertia(ARM, servo, joint)
        assert (gains.stiffness / inertia) ** 0.5 == pytest.approx(50.0)
        damping_ratio = gains.damping / (2 * (gains.stiffness * inertia) ** 0.5)
        assert damping_ratio == pytest.approx(1.0)


def test_substeps_fill_the_control_period() -> None:
    assert ServoConfig().substeps == 10
    assert ServoConfig(timestep=0.002).substeps == 25


def test_options_are_the_fields() -> None:
    assert set(ServoOptions.__annotations__) == {f.name for f in fields(ServoConfig)}


def test_split() -> None:
    servo, others = split_servo_options({"mass": 3.0, "n_joints": 2})
    assert servo == ServoConfig(mass=3.0)
    assert others == {"n_joints": 2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mass": 0.0}, "mass must be finite and greater than 0, not 0.0"),
        ({"armature": float("nan")}, "armature must be finite"),
        ({"timestep": 0.04}, "timestep must divide the control period of 0.05 s"),
        ({"timestep": 1.0}, "timestep must divide"),
        ({"natural_frequency": 201.0}, "at most 200 rad/s.*smaller timestep"),
    ],
)
def test_bad_values_are_named(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ServoConfig(**options)
