"""Tests for mjcf.py: the model is the kinematic arm with a body."""

import mujoco
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sb3_prune_envs.config import ArmConfig
from sb3_prune_envs.kinematics import tip_positions
from sb3_prune_envs.mjcf import arm_mjcf
from sb3_prune_envs.servo import ServoConfig, servo_gains

SERVO = ServoConfig(mass=2.0, armature=0.02)


def build(arm: ArmConfig) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(arm_mjcf(arm, SERVO, 0.054))


@pytest.mark.parametrize("n", range(1, 7))
def test_forward_kinematics_agree(n: int) -> None:
    arm = ArmConfig(n_joints=n)
    model = build(arm)
    data = mujoco.MjData(model)
    for angles in np.random.default_rng(n).uniform(-np.pi, np.pi, (20, n)):
        data.qpos[:] = angles
        mujoco.mj_kinematics(model, data)
        tip = data.site("tip").xpos
        expected = tip_positions(angles[None], arm.length)[0]
        assert_allclose(tip, [expected[0], 0.0, expected[1]], atol=1e-6)


def test_body_is_as_configured() -> None:
    arm = ArmConfig(n_joints=4, link_length=0.5)
    model = build(arm)
    assert model.body_mass.sum() == pytest.approx(2.0)
    assert_allclose(model.body_mass[model.body_mass > 0], 0.5)
    assert_allclose(model.dof_armature, 0.02)
    assert model.opt.timestep == SERVO.timestep
    assert model.opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    assert_allclose(model.opt.gravity, [0, 0, -9.81])


def test_actuators_have_the_gains() -> None:
    arm = ArmConfig(n_joints=3)
    model = build(arm)
    gains = servo_gains(arm, SERVO)
    assert_allclose(model.actuator_gainprm[:, 0], [g.stiffness for g in gains])
    assert_allclose(model.actuator_biasprm[:, 2], [-g.damping for g in gains])


def test_inertia_is_nearly_that_of_the_gains() -> None:
    # A capsule is a little rounder than the rod that the gains assume.
    arm = ArmConfig(n_joints=3)
    stiffness = np.array([gains.stiffness for gains in servo_gains(arm, SERVO)])
    assumed = stiffness / SERVO.natural_frequency**2
    assert_allclose(build(arm).dof_M0, assumed, rtol=0.05)


def test_links_pass_through_each_other() -> None:
    model = build(ArmConfig(n_joints=3, start_angles=(0.0, 3.0, 3.0)))
    data = mujoco.MjData(model)
    data.qpos[:] = (0.0, np.pi, np.pi)
    mujoco.mj_forward(model, data)
    assert data.ncon == 0
