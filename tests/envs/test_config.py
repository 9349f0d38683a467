"""Tests for config.py."""

from dataclasses import fields
from typing import Any

import pytest
from sb3_prune_envs.config import ArmConfig, ArmOptions


def test_defaults_are_the_paper_task() -> None:
    config = ArmConfig()
    assert config.n_joints == 3
    assert config.length == pytest.approx(1 / 3)
    assert config.reach == 1.0
    assert config.start == (0.0, 0.0, 0.0)
    assert config.joint_step == 0.05


def test_reach_is_all_links() -> None:
    assert ArmConfig(n_joints=4, link_length=0.5).reach == pytest.approx(2.0)


def test_start_angles_become_a_tuple() -> None:
    # A spec read back from JSON holds a list; a configuration must be hashable.
    config = ArmConfig(n_joints=2, start_angles=[1, 2])
    assert config.start_angles == (1.0, 2.0)
    assert hash(config) == hash(ArmConfig(n_joints=2, start_angles=(1.0, 2.0)))


def test_options_are_the_fields() -> None:
    assert set(ArmOptions.__annotations__) == {f.name for f in fields(ArmConfig)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_joints": 0}, "n_joints must be an integer of at least 1, not 0"),
        ({"n_joints": 2.0}, "n_joints must be an integer of at least 1, not 2.0"),
        ({"n_joints": True}, "n_joints must be an integer"),
        ({"link_length": 0.0}, "link_length must be finite and greater than 0"),
        ({"joint_step": float("nan")}, "joint_step must be finite"),
        ({"goals": "nowhere"}, "goals must be one of .*'half', 'full', 'fk'"),
        ({"action_mode": "all"}, "action_mode must be one of .*'branch'"),
        ({"action_mode": "joint", "n_joints": 11}, "at most 10, not 11; use 'branch'"),
        ({"min_goal_radius": 1.0}, r"min_goal_radius must be in \[0, 1\).*not 1.0"),
        ({"min_goal_radius": -0.1}, "min_goal_radius must be in"),
        ({"joint_step": "0.1"}, "joint_step must be finite and .*, not '0.1'"),
        ({"min_goal_radius": "0"}, "min_goal_radius must be in"),
        ({"start_angles": 0.5}, "start_angles must be 3 finite numbers.*not 0.5"),
        ({"start_angles": "bent"}, "start_angles must be 3 finite numbers"),
        ({"start_angles": (0.0,)}, "start_angles must be 3 finite numbers"),
        ({"start_angles": (0.0, 0.0, float("inf"))}, "start_angles must be 3 finite"),
    ],
)
def test_bad_values_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ArmConfig(**options)


def test_unknown_option_names_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"'n_joint'; did you mean 'n_joints'\?"):
        ArmConfig.from_options({"n_joint": 3})
