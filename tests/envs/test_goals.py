"""Tests for goals.py."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sb3_prune_envs.config import ArmConfig, GoalLaw
from sb3_prune_envs.goals import sample_goals
from sb3_prune_envs.kinematics import Floats


def draw(config: ArmConfig, count: int = 4000) -> Floats:
    return sample_goals(config, [np.random.default_rng(i) for i in range(count)])


def radii(goals: Floats) -> Floats:
    return np.linalg.norm(goals, axis=1)


@pytest.mark.parametrize("law", ["half", "full", "fk"])
@pytest.mark.parametrize("smallest", [0.0, 0.5])
def test_goals_lie_between_the_radii(law: GoalLaw, smallest: float) -> None:
    goals = draw(ArmConfig(goals=law, min_goal_radius=smallest))
    assert goals.shape == (4000, 2)
    assert radii(goals).max() <= 1 + 1e-12
    assert radii(goals).min() >= smallest - 1e-12


def test_half_disc_is_in_front() -> None:
    assert draw(ArmConfig())[:, 0].min() >= -1e-12


def test_full_disc_is_on_all_sides() -> None:
    goals = draw(ArmConfig(goals="full"))
    assert np.abs(goals.mean(axis=0)).max() < 0.03


@pytest.mark.parametrize("law", ["half", "full"])
def test_disc_is_uniform_by_area(law: GoalLaw) -> None:
    inside = radii(draw(ArmConfig(goals=law))) < np.sqrt(0.5)
    assert inside.mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("law", ["half", "full", "fk"])
def test_each_generator_draws_for_itself(law: GoalLaw) -> None:
    config = ArmConfig(goals=law, min_goal_radius=0.4)
    alone = [sample_goals(config, [np.random.default_rng(i)])[0] for i in range(300)]
    assert_array_equal(draw(config, 300), alone)


def test_one_joint_reaches_a_circle() -> None:
    np.testing.assert_allclose(radii(draw(ArmConfig(n_joints=1, goals="fk"))), 1.0)


def test_radius_that_no_tip_passes_is_refused() -> None:
    config = ArmConfig(n_joints=6, goals="fk", min_goal_radius=0.9999999)
    with pytest.raises(RuntimeError, match=r"min_goal_radius=1.*smaller radius"):
        draw(config, 2)
