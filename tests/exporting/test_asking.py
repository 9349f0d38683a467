"""Asking has SB3's predict, and refuses what no agent can answer."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import exported
import numpy as np
import pytest
from images import IMAGE
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv

from exporting.test_tracing import asked
from sb3_prune.exporting import asking
from sb3_prune.exporting.asking import Agent


def agent(name: str) -> Agent:
    return asked(exported.decision(name))


def test_it_needs_numpy_only() -> None:
    tree = ast.parse(inspect.getsource(asking))
    modules = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    names = {
        a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names
    }
    assert modules == {"__future__", "collections.abc", "typing"}
    assert names == {"numpy"}


def test_one_observation_and_a_batch() -> None:
    found, model = agent("SAC"), exported.agent("SAC")
    batch = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    for raw in (batch, batch[0]):
        action, state = found.predict(raw)
        expected, _ = model.predict(raw, deterministic=True)
        assert action.shape == expected.shape and state is None
        np.testing.assert_allclose(action, expected, atol=1e-5)


def test_images_as_a_camera_has_them() -> None:
    found = Agent({"inputs": [_image()], "outputs": [{"shape": []}]}, lambda x: [x])
    camera = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)  # Height, width, colours.
    for raw in (camera, camera[None]):
        given, _ = found.predict(raw)
        np.testing.assert_array_equal(given.reshape(3, 4, 2), camera.transpose(2, 0, 1))


def _image() -> dict[str, Any]:
    names = {"name": "observation", "kind": "observation", "key": None, "choices": None}
    return {**names, "shape": [3, 4, 2], "dtype": "uint8"}


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("SAC", np.array([0, np.nan, 0]), "observation has NaN"),
        ("SAC", np.zeros(4), r"must have the shape \(3,\)"),
        ("PPO-discrete", 5, "at least 0 and below 5"),
        ("PPO-discrete", -1, "at least 0 and below 5"),
        ("PPO-discrete", None, "must be numbers"),
        ("PPO-Cnn", np.zeros((3, 3)), r"must have the shape \(1, 36, 36\)"),
        # Each of these can be cast to float32, None to NaN.
        ("SAC", [None, 0, 0], "must be numbers, got object"),
        ("SAC", [1j, 0, 0], "must be numbers, got complex128"),
        ("SAC", ["1", "2", "3"], "must be numbers, got <U1"),
        ("SAC", np.zeros(3, "m8[s]"), "must be numbers"),
        ("SAC", np.zeros((0, 3)), "no observation"),
    ],
)
def test_bad_observations(name: str, raw: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        agent(name).predict(raw)


def test_only_greedy_actions() -> None:
    with pytest.raises(ValueError, match="greedily"):
        agent("SAC").predict(np.zeros(3), deterministic=False)


def test_masks() -> None:
    found = agent("MaskablePPO")
    raw = np.zeros((2, 4), np.float32)
    action, _ = found.predict(raw, action_masks=[[True, False], [False, True]])
    assert action.tolist() == [0, 1]
    with pytest.raises(ValueError, match="allows no action"):
        found.predict(raw[0], action_masks=[False, False])
    for wrong in ([True, True], np.ones((2, 3)), np.ones((4, 1)), True):
        with pytest.raises(ValueError, match="2 action masks of 2 entries"):
            found.predict(raw, action_masks=wrong)
    with pytest.raises(ValueError, match="not trained with action masks"):
        agent("SAC").predict(np.zeros(3), action_masks=[True])


def test_masks_of_branches_are_not_mixed_up() -> None:
    found, raw = agent("Maskable-two"), np.zeros((3, 3))
    masks = np.array([[0, 0, 1, 0, 1], [1, 0, 0, 1, 0], [0, 1, 0, 0, 1]])
    assert found.predict(raw, action_masks=masks)[0].tolist() == [
        [2, 1],
        [0, 0],
        [1, 1],
    ]
    with pytest.raises(ValueError, match=r"got the shape \(5, 3\)"):
        found.predict(raw, action_masks=masks.T)


def test_memories_have_no_nan() -> None:
    found, state = agent("RecurrentPPO"), np.zeros((1, 1, 8))
    for given in ((state * np.nan, state, [0]), (state, state, [np.nan])):
        with pytest.raises(ValueError, match="have NaN"):
            found.predict(np.zeros(4), given[:2], given[2])


def test_states_are_carried_and_forgotten() -> None:
    found, model = agent("RecurrentPPO"), exported.agent("RecurrentPPO")
    raw = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    state: Any = None
    memory: Any = None
    for starts in ([True] * 3, [False] * 3, [False, True, False]):
        _, state = found.predict(raw, state, np.array(starts))
        _, memory = model.predict(raw, memory, np.array(starts), deterministic=True)
        np.testing.assert_allclose(state, memory, atol=1e-6)
    with pytest.raises(ValueError, match=r"shape \(1, 3, 8\)"):
        found.predict(raw, (np.zeros((1, 2, 8)), np.zeros((1, 2, 8))))


def test_sb3_can_evaluate_it() -> None:
    env = DummyVecEnv([lambda: exported.Anything(exported.BOX, exported.BOX)])
    found: Any = agent("PPO-exotic")
    mean, _ = evaluate_policy(found, env, n_eval_episodes=2, warn=False)
    assert mean == 0.0


def test_all_outputs_by_name() -> None:
    found = agent("PPO-Cnn").answers(IMAGE.sample())
    assert list(found) == ["action"] and found["action"].shape == (1,)


@pytest.mark.parametrize("raw", [[0.5, 1, 2], [300, 1, 2], [-1, 1, 2], [np.inf, 0, 0]])
def test_numbers_are_not_cut(raw: Any) -> None:
    port = {**_image(), "shape": [3]}
    found = Agent({"inputs": [port], "outputs": [{"shape": [3]}]}, lambda x: [x])
    assert found.predict(np.array([1.0, 255, 2]))[0].tolist() == [1, 255, 2]
    with pytest.raises(ValueError, match="numbers that uint8 can hold"):
        found.predict(np.array(raw))


def test_only_images_have_two_orders() -> None:
    port = {**_image(), "dtype": "float32"}
    found = Agent({"inputs": [port], "outputs": [{"shape": []}]}, lambda x: [x])
    with pytest.raises(ValueError, match=r"must have the shape \(3, 4, 2\)"):
        found.predict(np.zeros((4, 2, 3)))


def test_dictionaries_have_all_keys() -> None:
    for raw in ({"gear": 1}, np.zeros(3)):
        with pytest.raises(ValueError, match=r"must be a dictionary with .*gear"):
            agent("PPO-mixed").predict(raw)
