"""Tests for reporting/surrounding.py: code that makes an agent's environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecCheckNan, VecFrameStack, VecNormalize

from sb3_prune.reporting.surrounding import (
    check_env,
    env_imports,
    env_lines,
    literal,
    needs_env,
)

PLAIN: dict[str, Any] = {"id": "Pendulum-v1", "kwargs": {}}
RESCALE = "gymnasium.wrappers.RescaleAction"
ALL = PLAIN | {
    "kwargs": {"g": 5.0},
    "modules": ["sb3_prune_envs"],
    "wrappers": [
        {RESCALE: {"min_action": -1, "max_action": 1}},
        {"gymnasium.wrappers.TimeLimit": {"max_episode_steps": 7}},
    ],
    "vec_wrappers": [
        {"stable_baselines3.common.vec_env.VecCheckNan": {"raise_exception": True}}
    ],
    "frame_stack": 3,
}


def made(env: Mapping[str, Any], statistics: str | None = None) -> Any:
    """Run the code as it would be pasted; return the environment."""
    names: dict[str, Any] = {}
    exec("\n".join([*env_imports(env, statistics), *env_lines(env, statistics)]), names)
    return names["env"]


def test_the_environment_is_that_of_the_run(tmp_path: Path) -> None:
    known = VecNormalize(make_vec_env("Pendulum-v1"), clip_obs=0.5)
    known.obs_rms.mean = np.array([4.0, 5.0, 6.0])
    known.save(str(tmp_path / "it's.pkl"))
    env = made(ALL, repr(str(tmp_path / "it's.pkl")))
    assert isinstance(env, VecFrameStack) and isinstance(env.venv, VecNormalize)
    assert not (env.venv.training or env.venv.norm_reward)
    assert env.reset().shape == (1, 9)
    assert np.array_equal(env.venv.obs_rms.mean, [4, 5, 6])
    assert env.venv.venv.action_space.high == [1]
    assert env.get_attr("g") == [5.0]
    for step in range(1, 8):
        _, _, done, _ = env.step(np.zeros((1, 1), np.float32))
        assert done == [step == 7]
    assert isinstance(env.venv.venv, VecCheckNan) and env.venv.venv.raise_exception


def test_arms_are_registered() -> None:
    kwargs = {"action_mode": "joint"}
    env = made({"id": "sb3_prune/PlanarArm2-v0", "kwargs": kwargs})
    assert env.action_space.n == 9


@pytest.mark.parametrize("name", ["wrappers", "vec_wrappers", "frame_stack"])
def test_what_needs_more_than_its_environment(name: str) -> None:
    assert needs_env(PLAIN | {name: ALL[name]}, None)


def test_what_needs_nothing_more() -> None:
    assert needs_env(PLAIN, "'file'") and not needs_env(PLAIN, None)


@pytest.mark.parametrize(
    "odd",
    [
        {"wrappers": ["os; print()"]},
        {"vec_wrappers": [{"a.b": {}, "c.d": {}}]},
        {"modules": ["a\nb"]},
        {"wrappers": 3},
        {"frame_stack": "many"},
    ],
)
def test_what_would_be_other_code_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        check_env(PLAIN | odd)


def test_a_literal_ends_no_block_of_markdown() -> None:
    value = {"a": "```\n", "\\`": 'it\'s "`"'}
    assert "`" not in literal(value) and "\n" not in literal(value)
    assert eval(literal(value)) == value
