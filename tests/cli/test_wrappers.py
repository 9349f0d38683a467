"""Tests for cli/wrappers.py."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pytest

from cli.rl_zoo import TIME
from sb3_prune.cli.wrappers import as_list, find_wrappers, wrapped
from sb3_prune.exceptions import ConfigError

CLIP = "gymnasium.wrappers.ClipReward"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, []),
        ("None", []),
        (TIME, [TIME]),
        ({TIME: {}}, [{TIME: {}}]),
        ([TIME, CLIP], [TIME, CLIP]),
    ],
)
def test_notations(given: Any, found: list[Any]) -> None:
    assert as_list(given) == found


def test_the_first_wrapper_is_innermost() -> None:
    chosen = find_wrappers([{TIME: {"test_mode": True}}, {CLIP: {"max_reward": 0.5}}])
    env = wrapped(gym.make("CartPole-v1"), chosen)
    assert str(env).startswith("<ClipReward<TimeFeatureWrapper<TimeLimit")
    assert env.env._test_mode
    assert find_wrappers([{TIME: None}])[0](env).observation_space.shape == (6,)


@pytest.mark.parametrize(
    "path",
    ["nowhere.Some", "gymnasium.wrappers.Some", "Some", "os.path"],
)
def test_an_unknown_wrapper(path: str) -> None:
    with pytest.raises(ConfigError, match=f"'{path}', which cannot be imported"):
        find_wrappers([path])


@pytest.mark.parametrize("given", [3, {"a": {}, "b": {}}, {"a": 3}, {3: {}}])
def test_other_notations(given: Any) -> None:
    with pytest.raises(ConfigError, match=r"must be package.module.Class, or"):
        find_wrappers([given])
