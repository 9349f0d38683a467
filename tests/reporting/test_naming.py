"""Tests for reporting/naming.py."""

from __future__ import annotations

import pytest

from sb3_prune.exceptions import ConfigError
from sb3_prune.reporting.naming import model_name


@pytest.mark.parametrize(
    ("algorithm", "env", "expected"),
    [
        ("ppo", "CartPole-v1", "ppo-CartPole-v1"),
        ("dqn", "sb3_prune/PlanarArm3-v0", "dqn-sb3_prune-PlanarArm3-v0"),
        ("sac", "sb3_prune_envs:sb3_prune/Arm-v0", "sac-sb3_prune-Arm-v0"),
        ("value-sac", "Pendulum-v1", "sac-Pendulum-v1"),
        ("branching-dqn", "a/b/C-v0", "dqn-a-b-C-v0"),
        ("recurrent-ppo", "CartPole-v1", "ppo_lstm-CartPole-v1"),
    ],
)
def test_names_are_those_of_huggingface_sb3(
    algorithm: str, env: str, expected: str
) -> None:
    assert model_name(algorithm, env) == expected


@pytest.mark.parametrize("env", ["", "a:", "a b", "\0", "a\\b", "<b>", "ü-v0", "x\n"])
def test_what_cannot_name_a_file(env: str) -> None:
    with pytest.raises(ConfigError, match="to name files"):
        model_name("ppo", env)


def test_two_colons() -> None:
    with pytest.raises(ConfigError, match="one colon at most: 'a:b:c'"):
        model_name("ppo", "a:b:c")
