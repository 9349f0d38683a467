"""Tests for cli/surroundings.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.preprocessing import is_image_space_channels_first
from stable_baselines3.common.vec_env import (
    VecCheckNan,
    VecFrameStack,
    VecNormalize,
    VecTransposeImage,
)

from cli.rl_zoo import TIME, cart_poles
from sb3_prune.cli.surroundings import NOTHING, Surroundings
from sb3_prune.exceptions import ConfigError

IMAGES, DICTIONARIES = "cli.shown:cli/Picture-v0", "cli.shown:cli/Both-v0"


def test_the_order_is_that_of_rl_zoo(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    VecNormalize(cart_poles()).save(str(path))
    around = Surroundings(statistics=path, frame_stack=3)
    env = around.wrap(cart_poles(2), [VecCheckNan], learning=False)
    assert isinstance(env, VecFrameStack)
    assert isinstance(env.venv, VecNormalize)
    assert isinstance(env.venv.venv, VecCheckNan)
    assert env.observation_space.shape == (12,)


def test_statistics_begin_anew_for_other_observations(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    VecNormalize(cart_poles(), clip_obs=3.0).save(str(path))
    around = Surroundings(statistics=path, frame_stack=2, anew=True)
    env: Any = around.wrap(make_vec_env("Pendulum-v1"), [], learning=True)
    assert env.observation_space.shape == (6,)
    assert env.venv.observation_space.shape == (3,) and env.venv.clip_obs == 3.0


@pytest.mark.parametrize("env_id", [IMAGES, DICTIONARIES])
def test_images_are_transposed_as_by_sb3(env_id: str) -> None:
    env = NOTHING.wrap(make_vec_env(env_id), [], learning=True)
    assert isinstance(env, VecTransposeImage)
    assert isinstance(
        Surroundings(frame_stack=2).wrap(make_vec_env(env_id), [], learning=True).venv,  # type: ignore[attr-defined]
        VecFrameStack,
    )


def test_normalised_images_are_none_any_more(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    VecNormalize(make_vec_env(IMAGES)).save(str(path))
    env = Surroundings(statistics=path).wrap(make_vec_env(IMAGES), [], learning=True)
    assert isinstance(env, VecNormalize)
    assert env.observation_space.dtype == np.float32
    assert not is_image_space_channels_first(env.observation_space)  # type: ignore[arg-type]


@pytest.mark.parametrize("frames", [-1, 0, 1025, 10**9, 1.5, True, "2"])
def test_frames_out_of_range(frames: Any) -> None:
    with pytest.raises(ConfigError, match=r"'a': frame_stack must be .*, got"):
        Surroundings(source=Path("a"), frame_stack=frames)


@pytest.mark.parametrize("norm_obs", [True, False])
def test_what_is_kept_and_shown(norm_obs: bool, tmp_path: Path) -> None:
    path = tmp_path / "b.pkl"
    VecNormalize(cart_poles(), norm_obs=norm_obs).save(str(path))
    assert NOTHING.to_dict() == {}
    assert list(NOTHING.lines()) == []
    around = Surroundings(wrappers=[{TIME: {}}], frame_stack=4, statistics=path)
    assert around.to_dict() == {
        "wrappers": [{TIME: {}}],
        "frame_stack": 4,
        "normalised": True,
    }
    assert list(around.lines()) == [
        f"wrapper {TIME}",
        f"observations{'' if norm_obs else ' not'} normalised by b.pkl",
        "4 stacked frames",
    ]
