"""Samples are of their space, also where it has no end."""

from __future__ import annotations

from typing import Any

import exported
import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from images import BOTH
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from exporting.test_normalisation import vecnormalize
from sb3_prune.exceptions import ConfigError
from sb3_prune.exporting.samples import (
    draw_masks,
    from_episodes,
    from_space,
    from_statistics,
)

CARTPOLE = gym.make("CartPole-v1").observation_space
RNG = np.random.default_rng


@pytest.mark.parametrize(
    "space", [exported.MIXED, BOTH, exported.WIDE, CARTPOLE, spaces.Discrete(5)]
)
def test_samples_are_of_the_space(space: spaces.Space[Any]) -> None:
    found = from_space(space, 50, RNG(0))
    for i in range(50):
        if isinstance(space, spaces.Dict):
            assert space.contains({key: array[i] for key, array in found.items()})
        else:
            assert space.contains(found[""][i])


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int64, np.uint32])
def test_whole_numbers_of_wide_ranges_are_small_or_large(dtype: Any) -> None:
    info = np.iinfo(dtype)
    space = spaces.Box(info.min, info.max, (3,), dtype)
    found = from_space(space, 1000, RNG(0))[""]
    assert all(space.contains(each) for each in found)
    small = np.abs(found.astype(np.float64)) < 10
    assert 0.1 < small.mean() < 0.5 and (found > info.max * 0.9).any()


def test_small_whole_numbers_stay_within_their_bounds() -> None:
    low, high = np.array([-3, 2**40, 0]), np.array([2**40, 2**41, 1])
    space = spaces.Box(low, high, (3,), np.int64)
    assert all(space.contains(each) for each in from_space(space, 200, RNG(0))[""])


def test_bits_of_a_box_are_both() -> None:
    found = from_space(spaces.Box(0, 1, (2,), np.bool_), 100, RNG(0))[""]
    assert found.dtype == np.bool_ and 0.3 < found.mean() < 0.7


def test_wide_bounds_do_not_mean_wide_values() -> None:
    """CartPole's velocities are bounded by 3e38, where no network says anything."""
    assert np.abs(from_space(CARTPOLE, 1000, RNG(0))[""]).max() < 1e4


def test_samples_of_statistics_have_their_moments() -> None:
    env = vecnormalize()
    found = from_statistics(env, env.observation_space, 4000, RNG(0))[""]
    np.testing.assert_allclose(found.mean(axis=0), env.obs_rms.mean, atol=0.2)
    deviation = np.sqrt(env.obs_rms.var)
    normal = np.abs(found - env.obs_rms.mean) / deviation
    np.testing.assert_allclose(np.median(normal, axis=0), 2 * 0.6745, rtol=0.2)


@pytest.mark.parametrize("clip", [0.5, 10.0, 1e6])
def test_samples_of_statistics_are_clipped_or_not(clip: float) -> None:
    env = vecnormalize()
    env.clip_obs = clip
    found = from_statistics(env, env.observation_space, 1000, RNG(0))[""]
    normal = np.abs(env.normalize_obs(found))
    beyond = np.abs(found - env.obs_rms.mean) / np.sqrt(env.obs_rms.var)
    assert (normal < clip).any(axis=0).all()
    # So far out, a network would say little.
    assert (beyond > clip).any(axis=0).all() == (clip <= 10)


def test_episodes_are_raw() -> None:
    env = vecnormalize()
    model = exported.agent("SAC")
    for given in (env, "Pendulum-v1", gym.make("Pendulum-v1")):
        found = from_episodes(model, given, env, 250)[""]
        assert found.shape == (250, 3)
        np.testing.assert_allclose(np.hypot(found[:, 0], found[:, 1]), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["PPO-mixed", "Maskable-two", "LSTM-two"])
def test_episodes_of_any_agent(name: str) -> None:
    model = exported.agent(name)
    env = exported.Anything(model.observation_space, model.action_space)
    found = from_episodes(model, DummyVecEnv([lambda: env] * 1), None, 30)
    assert {len(array) for array in found.values()} == {30}


def test_an_environment_of_another_agent() -> None:
    with pytest.raises(ConfigError, match="other actions"):
        from_episodes(exported.agent("SAC"), "CartPole-v1", None, 10)
    with pytest.raises(ConfigError, match="or its id"):
        from_episodes(exported.agent("SAC"), 3, None, 10)


def test_observations_of_another_agent() -> None:
    model = exported.anyhow(exported.BOX, exported.BOX)
    env = exported.Anything(exported.WIDE, exported.BOX)
    with pytest.raises(ConfigError, match="other observations"):
        from_episodes(model, env, None, 10)
    with pytest.raises(ConfigError, match="'Nope-v0' cannot be made"):
        from_episodes(model, "Nope-v0", None, 10)
    with pytest.raises(ConfigError, match="VecNormalize inside"):
        from_episodes(model, VecMonitor(vecnormalize()), None, 10)


def test_masks_allow_something_in_each_branch() -> None:
    port = {"kind": "action_mask", "shape": [5], "branches": [2, 3]}
    masks = draw_masks({"inputs": [port]}, 500, RNG(0))
    assert masks is not None and masks.shape == (500, 5)
    assert masks[:, :2].any(axis=1).all() and masks[:, 2:].any(axis=1).all()
    assert not masks.all(axis=0).any()
    assert draw_masks({"inputs": [{"kind": "observation"}]}, 5, RNG(0)) is None
