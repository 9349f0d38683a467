"""Tests for cli/ids.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from gymnasium import spaces
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.env_util import make_vec_env

from sb3_prune.cli.ids import HINT, Ids, find_ids, listed, side_by_side
from sb3_prune.cli.zips import read_zip
from sb3_prune.exceptions import ConfigError, UnknownNameError

ANGLES = Ids(what="observations", old=("cos", "sin"), new=("sin", "cos", "spin"))
POLE = ("position", "velocity", "angle", "spin")


def saved(folder: Path, env: Any) -> Any:
    DQN("MlpPolicy", env, buffer_size=10).save(folder / "old.zip")
    return read_zip(folder / "old.zip")


@pytest.mark.parametrize("given", ["spin", "2", 2])
def test_places_by_name_and_index(given: Any) -> None:
    assert ANGLES.place("new", given) == 2
    with pytest.raises(UnknownNameError, match=r"Unknown old observation .*cos, sin\."):
        ANGLES.place("old", given)


@pytest.mark.parametrize("given", [True, None, -1, 1.0, "", "new", "²"])
def test_what_is_no_id(given: Any) -> None:
    with pytest.raises(UnknownNameError):
        ANGLES.place("new", given)


def test_changes() -> None:
    assert list(ANGLES.changes([0, 0, None])) == [
        "new observations: spin",
        "dropped observations: sin",
        "renamed observations: sin=cos",
    ]
    assert list(ANGLES.changes([1, 0, None])) == ["new observations: spin"]
    unnamed = Ids(what="actions", old=("0", "1"), new=("left", "right"))
    assert list(unnamed.changes([1, 0])) == []
    assert list(Ids(what="observations", old=(), new=("a",)).changes([])) == []


def test_names_of_both(tmp_path: Path) -> None:
    old = saved(tmp_path, "CartPole-v1")
    env = make_vec_env("Acrobot-v1")
    found = find_ids(old, old.load(), env, "CartPole-v1")
    assert found["observations"].old == POLE
    assert found["observations"].new[:2] == ("cos1", "sin1")
    assert found["actions"].old == ("left", "right")
    assert found["actions"].new == ("minus", "rest", "plus")
    assert not any(each.hint for each in found.values())


def test_an_agent_whose_environment_nobody_knows(tmp_path: Path) -> None:
    old = saved(tmp_path, "CartPole-v1")
    found = find_ids(old, old.load(), make_vec_env("CartPole-v1"), None)
    assert found["observations"].old == ("0", "1", "2", "3")
    assert found["observations"].new == POLE
    assert list(side_by_side(found))[-1] == HINT


def test_an_agent_that_saw_less_than_its_environment_has(tmp_path: Path) -> None:
    env = gym.make("CartPole-v1")
    seen = spaces.Box(-9, 9, (2,))
    half = gym.wrappers.TransformObservation(env, lambda found: found[:2], seen)
    old = saved(tmp_path, half)
    found = find_ids(old, old.load(), make_vec_env("CartPole-v1"), "CartPole-v1")
    assert found["observations"].old == ("0", "1")
    assert found["actions"].old == ("left", "right")


def test_another_environment(tmp_path: Path) -> None:
    old = saved(tmp_path, "CartPole-v1")
    with pytest.raises(ConfigError, match="of the agent with 4 observations and 2"):
        find_ids(old, old.load(), make_vec_env("CartPole-v1"), "Acrobot-v1")
    with pytest.raises(UnknownNameError):
        find_ids(old, old.load(), make_vec_env("CartPole-v1"), "Nowhere-v0")


def test_side_by_side() -> None:
    actions = Ids(what="actions", old=("0", "1"), new=("0",))
    assert list(side_by_side({"observations": ANGLES, "actions": actions})) == [
        "observations  old  new",
        "0             cos  sin",
        "1             sin  cos",
        "2                  spin",
        "actions  old  new",
        "0        0    0",
        "1        1",
    ]


def test_what_is_no_vector(tmp_path: Path) -> None:
    env = make_vec_env("cli.shown:cli/Both-v0")
    PPO("MultiInputPolicy", env, n_steps=8, batch_size=8).save(tmp_path / "old.zip")
    old = read_zip(tmp_path / "old.zip")
    found = find_ids(old, old.load(), env, None)
    assert not found["observations"].known
    assert "no vectors" in next(side_by_side(found))


def test_many_names_are_cut_short() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(list(map(str, range(25)))).endswith(", 19 and 5 more")
