"""Tests for recording/alike.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.vec_env import DummyVecEnv
from transplanting.made import Toy

import sb3_prune as sp
from sb3_prune.exceptions import ConfigError
from sb3_prune.recording.alike import check_alike

BOX = spaces.Box(-1, 1, (2,), np.float32)


def pair(**spaces_: Any) -> tuple[Any, Any]:
    usual = {"observation_space": BOX, "action_space": BOX}
    return SimpleNamespace(**usual), SimpleNamespace(**{**usual, **spaces_})


@pytest.mark.parametrize(
    "actions",
    [
        spaces.Box(-2, 2, (2,), np.float32),
        spaces.Box(-1, 1, (3,), np.float32),
        spaces.Discrete(2),
    ],
)
def test_other_actions_are_refused(actions: Any) -> None:
    with pytest.raises(ConfigError, match="env has other actions than the agent"):
        check_alike(*pair(action_space=actions))


def keyed(**parts: Any) -> spaces.Dict:
    return spaces.Dict({"a": BOX, **parts})


@pytest.mark.parametrize(
    ("known", "given"),
    [
        (BOX, spaces.Box(-1, 1, (3,), np.float32)),
        (BOX, keyed()),
        (keyed(b=BOX), keyed(c=BOX)),
        (keyed(b=BOX), keyed(b=spaces.Box(-1, 1, (3,), np.float32))),
        (spaces.MultiDiscrete([3, 3]), spaces.MultiDiscrete([2, 5])),
        (spaces.Discrete(3), spaces.Discrete(4)),
        (spaces.Discrete(3), spaces.Discrete(3, start=1)),
        (
            spaces.Box(0, 255, (36, 48, 3), np.uint8),
            spaces.Box(0, 255, (48, 36, 3), np.uint8),
        ),
    ],
)
def test_other_observations_are_refused(known: Any, given: Any) -> None:
    model, env = pair(observation_space=given)
    model.observation_space = known
    with pytest.raises(ConfigError, match="env has other observations than the agent"):
        check_alike(model, env)
    model.observation_space = given
    check_alike(model, env)


def test_bounds_of_observations_and_axes_of_images_may_differ() -> None:
    check_alike(*pair(observation_space=spaces.Box(-5, 5, (2,), np.float32)))
    model, env = pair(observation_space=spaces.Box(0, 255, (36, 48, 3), np.uint8))
    model.observation_space = spaces.Box(0, 255, (3, 36, 48), np.uint8)
    check_alike(model, env)


def test_whoever_plays_refuses_other_bounds_of_actions() -> None:
    model = SAC(sp.MaskedSACPolicy, Toy(2, BOX), buffer_size=100)
    env = DummyVecEnv([lambda: Toy(2, spaces.Box(-2, 2, (2,), np.float32))])
    for play in (
        lambda: sp.evaluate(model, env, episodes=1),
        lambda: sp.prune(model, env=env),
    ):
        with pytest.raises(ConfigError, match="env has other actions"):
            play()
