"""Tests for cli/statistics.py."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

from cli.rl_zoo import cart_poles
from sb3_prune.cli.statistics import normalise, normalise_anew
from sb3_prune.exceptions import CheckpointError, NonFiniteError, SB3PruneError


def saved(path: Path, **changes: bool) -> Path:
    env = VecNormalize(cart_poles(), **changes)
    env.reset()
    env.save(str(path / "vecnormalize.pkl"))
    return path / "vecnormalize.pkl"


@pytest.mark.parametrize("norm_reward", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_learning(norm_reward: bool, training: bool, tmp_path: Path) -> None:
    path = saved(tmp_path, norm_reward=norm_reward, training=training)
    env = normalise(cart_poles(3), path, learning=True)
    assert (env.training, env.norm_reward) == (True, norm_reward)


def test_frozen(tmp_path: Path) -> None:
    env = normalise(cart_poles(3), saved(tmp_path), learning=False)
    assert (env.training, env.norm_reward) == (False, False)


def test_actions_are_those_of_the_environment(tmp_path: Path) -> None:
    env = cart_poles()
    env.action_space = spaces.Discrete(7)
    assert normalise(env, saved(tmp_path), learning=False).action_space.n == 7  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be loaded as statistics of VecNormalize: EOFError"),
        (b"cnowhere\nThing\n.", "cannot be loaded .*No module named 'nowhere'"),
        (pickle.dumps({"mean": 0}), "has no VecNormalize but dict: expected"),
    ],
)
def test_other_files(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "vecnormalize.pkl"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        normalise(cart_poles(), path, learning=False)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"a\.pkl' does not exist: it should"):
        normalise(cart_poles(), tmp_path / "a.pkl", learning=False)
    with pytest.raises(CheckpointError, match="does not exist"):
        normalise(cart_poles(), tmp_path, learning=False)


@pytest.mark.parametrize("env", ["Pendulum-v1", "cli.shown:cli/Both-v0"])
def test_other_observations(env: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="statistics of another environment"):
        normalise(make_vec_env(env), saved(tmp_path), learning=False)


def test_nan(tmp_path: Path) -> None:
    env = VecNormalize(cart_poles())
    env.obs_rms.mean = np.array([0, np.nan, 0, 0])  # type: ignore[union-attr]
    env.save(str(tmp_path / "a.pkl"))
    with pytest.raises(NonFiniteError, match="NaN or infinity for observations"):
        normalise(cart_poles(), tmp_path / "a.pkl", learning=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"clip_obs": np.nan},
            r"a\.pkl': clip_obs must be a number above 0.*, got nan",
        ),
        ({"clip_reward": -1.0}, "clip_reward must be a number above 0"),
        ({"epsilon": "small"}, "epsilon must be a number above 0, got 'small'"),
        ({"gamma": 3}, "gamma must be a number of at least 0 and at most 1, got 3"),
        ({"obs_rms": None}, r"a\.pkl' is damaged: AttributeError"),
    ],
)
def test_settings_out_of_range(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    env = VecNormalize(cart_poles())
    vars(env).update(changes)
    env.save(str(tmp_path / "a.pkl"))
    with pytest.raises(SB3PruneError, match=message):
        normalise(cart_poles(), tmp_path / "a.pkl", learning=False)


@pytest.mark.parametrize("name", ["obs_rms", "ret_rms"])
def test_variances_are_not_negative(name: str, tmp_path: Path) -> None:
    env = VecNormalize(cart_poles(), clip_obs=np.inf)
    getattr(env, name).var -= 2
    env.save(str(tmp_path / "a.pkl"))
    with pytest.raises(CheckpointError, match="has a negative variance for"):
        normalise(cart_poles(), tmp_path / "a.pkl", learning=False)
    getattr(env, name).var += 2
    env.save(str(tmp_path / "a.pkl"))
    normalise(cart_poles(), tmp_path / "a.pkl", learning=False)


def test_rewards_alone(tmp_path: Path) -> None:
    env = normalise(cart_poles(), saved(tmp_path, norm_obs=False), learning=True)
    assert not env.norm_obs


@pytest.mark.parametrize("norm_reward", [True, False])
def test_anew_for_other_observations(norm_reward: bool, tmp_path: Path) -> None:
    settings = {"clip_obs": 3.0, "clip_reward": 4.0, "gamma": 0.5, "epsilon": 1e-4}
    old = VecNormalize(cart_poles(), norm_reward=norm_reward, **settings)  # type: ignore[arg-type]
    old.reset()
    old.save(str(tmp_path / "a.pkl"))
    new = normalise_anew(make_vec_env("Pendulum-v1"), tmp_path / "a.pkl")
    assert {name: getattr(new, name) for name in settings} == settings
    assert (new.training, new.norm_obs, new.norm_reward) == (True, True, norm_reward)
    assert not new.obs_rms.mean.any() and new.obs_rms.mean.shape == (3,)  # type: ignore[union-attr]
    with pytest.raises(CheckpointError, match="does not exist"):
        normalise_anew(cart_poles(), tmp_path / "b.pkl")


def test_anew_for_other_keys(tmp_path: Path) -> None:
    env = make_vec_env("cli.shown:cli/Both-v0")
    VecNormalize(env, norm_obs_keys=["vec"]).save(str(tmp_path / "a.pkl"))
    again = normalise_anew(make_vec_env("cli.shown:cli/Both-v0"), tmp_path / "a.pkl")
    assert again.norm_obs_keys == ["vec"]
