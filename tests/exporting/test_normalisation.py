"""Normalisation is that of VecNormalize."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from sb3_prune.exceptions import ExportError
from sb3_prune.exporting.normalisation import Normalisation, moments_of, normalisations


def vecnormalize(env: Any = "Pendulum-v1", **kwargs: Any) -> VecNormalize:
    make = (lambda: gym.make(env)) if isinstance(env, str) else (lambda: env)
    found = VecNormalize(DummyVecEnv([make]), **kwargs)
    found.reset()
    for _ in range(20):
        found.step(np.array([found.action_space.sample()]))
    return found


def test_it_equals_vecnormalize_bit_for_bit() -> None:
    env = vecnormalize(clip_obs=1.5)
    rms = env.obs_rms
    module = Normalisation(rms.mean, rms.var, env.epsilon, env.clip_obs)
    raw = np.random.default_rng(0).normal(size=(500, 3)) * 10
    raw[0, 0] = np.inf
    expected = env.normalize_obs(raw)
    assert expected.dtype == np.float32
    np.testing.assert_array_equal(module(torch.from_numpy(raw)).numpy(), expected)


def test_nothing_is_lost_before_the_mean_is_subtracted() -> None:
    """A clock at 1e9 seconds that moves by milliseconds: float32 would not see it."""
    module = Normalisation(np.full(1, 1e9), np.full(1, 1e-6), 1e-8, 10.0)
    moved = torch.tensor([[1e9 + 0.001]], dtype=torch.float64)
    assert module(moved).item() == pytest.approx(1.0, rel=0.01)


def test_statistics_of_other_observations() -> None:
    with pytest.raises(ExportError, match=r"shape \(3,\)"):
        normalisations(vecnormalize(), spaces.Box(-1, 1, (4,)))


def test_keys_that_are_normalised_no_more() -> None:
    env = vecnormalize()
    moments = env.obs_rms
    env.obs_rms = {"a": moments, "b": moments}
    env.norm_obs_keys = ["b"]
    assert list(moments_of(env)) == ["b"]
