"""Tests for standing_in.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stable_baselines3 import DQN, HerReplayBuffer
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.envs import BitFlippingEnv
from stable_baselines3.common.save_util import load_from_zip_file

from sb3_prune.runs.standing_in import relabels, stand_in


class Relabelling(HerReplayBuffer):
    """A buffer of a user's own."""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (HerReplayBuffer, True),
        (Relabelling, True),
        (ReplayBuffer, False),
        ("HerReplayBuffer", False),
        (None, False),
    ],
)
def test_who_relabels(given: Any, expected: bool) -> None:
    assert relabels(given) == expected
    assert expected or stand_in({"replay_buffer_class": given}) is None


def test_a_zip_loads_where_its_environment_is_not(tmp_path: Path) -> None:
    env = BitFlippingEnv(3, render_mode="rgb_array")
    her = HerReplayBuffer
    DQN("MultiInputPolicy", env, replay_buffer_class=her, buffer_size=99).save(
        tmp_path / "agent.zip"
    )
    data = load_from_zip_file(tmp_path / "agent.zip")[0]
    assert data is not None
    found = DQN.load(tmp_path / "agent.zip", env=stand_in(data))
    assert found.observation_space == env.observation_space
