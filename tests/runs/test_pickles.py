"""Tests for runs/pickles.py."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3 import DQN
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

from sb3_prune.exceptions import CheckpointError, NonFiniteError
from sb3_prune.runs.pickles import check_moments, read_replay_buffer, read_statistics


@pytest.fixture
def env() -> VecNormalize:
    return VecNormalize(make_vec_env("CartPole-v1"))


def test_statistics(env: Any, tmp_path: Path) -> None:
    env.reset()
    env.save(str(tmp_path / "a.pkl"))
    found: Any = read_statistics(tmp_path / "a.pkl")
    assert np.array_equal(found.obs_rms.mean, env.obs_rms.mean)
    assert found.venv is None


def test_a_replay_buffer(tmp_path: Path) -> None:
    model = DQN("MlpPolicy", "CartPole-v1", buffer_size=50, train_freq=10).learn(30)
    model.save_replay_buffer(tmp_path / "a.pkl")
    found = read_replay_buffer(tmp_path / "a.pkl")
    assert found.size() == 30
    assert np.array_equal(found.observations, model.replay_buffer.observations)  # type: ignore[union-attr]


@pytest.mark.parametrize("read", [read_statistics, read_replay_buffer])
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "does not exist: it should have"),
        (b"", "cannot be loaded as .*EOFError"),
        (b"cnowhere\nThing\n.", "No module named 'nowhere'"),
        (pickle.dumps([1]), r"has no \w+ but list: expected .*, as SB3 saves it"),
    ],
)
def test_other_files(
    read: Any, content: bytes | None, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.pkl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=why):
        read(path)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [("mean", np.nan, NonFiniteError), ("var", -1.0, CheckpointError)],
)
@pytest.mark.parametrize("which", ["obs_rms", "ret_rms"])
def test_moments(name: str, value: float, error: Any, which: str, env: Any) -> None:
    check_moments(env, "it")
    rms = getattr(env, which)
    setattr(rms, name, np.full_like(getattr(rms, name), value))
    with pytest.raises(error, match="it has"):
        check_moments(env, "it")


def test_missing_moments(env: Any) -> None:
    env.obs_rms = None
    with pytest.raises(CheckpointError, match="it is damaged: AttributeError"):
        check_moments(env, "it")
    env.norm_obs = False
    check_moments(env, "it")
