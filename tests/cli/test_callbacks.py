"""Tests for cli/callbacks.py."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import zoo
from stable_baselines3 import SAC
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecNormalize
from zoo import OFF, equal

import sb3_prune as sp
from cli import rl_zoo
from sb3_prune.callbacks import PruningCallback
from sb3_prune.cli.callbacks import (
    EvaluationCallback,
    ProgressCallback,
    wants_progress,
)


def make_model() -> SAC:
    kwargs = {**OFF, "policy_kwargs": {"net_arch": [4]}}
    return SAC("MlpPolicy", "Pendulum-v1", seed=0, **kwargs)


@pytest.fixture
def tests() -> EvaluationCallback:
    env = make_vec_env("Pendulum-v1", 1, env_kwargs={})
    return EvaluationCallback(env, every=30, episodes=1, seed=0)


def steps_of(tests: EvaluationCallback) -> list[int]:
    return [test.timesteps for test in tests.history]


def test_tests_are_at_start_now_and_then_and_end(tests: EvaluationCallback) -> None:
    make_model().learn(70, callback=tests)
    assert steps_of(tests) == [0, 30, 60, 70]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "steps", "real"), [("PPO", 10, 32), ("PPO", 40, 64), ("SAC", 60, 60)]
)
def test_a_tenth_is_one_of_the_steps_that_are_taken(
    name: str, steps: int, real: int
) -> None:
    env = make_vec_env("Pendulum-v1")
    tests = EvaluationCallback(env, every=None, episodes=1, seed=0)
    model = zoo.make_model(name, env=make_vec_env("Pendulum-v1"))
    zoo.train(model, steps, callback=tests)
    assert model.num_timesteps == real
    due = max(1, real // 10)
    assert steps_of(tests)[:-1] == [*range(0, real + 1, due)][: len(tests.history) - 1]
    assert steps_of(tests)[-1] == real


@pytest.mark.parametrize("name", ["PPO", "SAC"])
def test_the_last_test_is_of_the_agent_that_training_leaves(
    name: str, tests: EvaluationCallback
) -> None:
    tests.every = 32
    model = zoo.make_model(name, env=make_vec_env("Pendulum-v1"))
    model.learn(32, callback=[PruningCallback(config={"begin": 1, "end": 1}), tests])
    assert steps_of(tests) == [0, 32, 32]
    assert tests.history[-1].result == tests.evaluate(model)
    units = [sum(test.units.values()) for test in tests.history]
    assert units[0] == units[1] > units[2]
    assert tests.history[-1].units == sp.wire(model.policy).active_units()


def test_tests_are_logged(
    tests: EvaluationCallback, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: dict[str, object] = {}
    monkeypatch.setattr(
        Logger, "record", lambda self, key, value, **_: logged.update({key: value})
    )
    make_model().learn(10, callback=tests)
    assert logged["eval/mean_reward"] == tests.history[-1].result.mean_return
    assert logged["eval/mean_ep_length"] == 200
    assert "eval/success_rate" not in logged


def test_testing_does_not_change_training(tests: EvaluationCallback) -> None:
    weights = []
    for callback in (None, tests):
        model = make_model()
        model.learn(60, callback=callback)
        weights.append(model.policy.state_dict())
    assert equal(*weights)


def test_the_bar_is_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    make_model().learn(40, callback=ProgressCallback())
    result = capsys.readouterr()
    assert result.out == ""
    assert "40/40" in result.err
    assert "units=12" in result.err


def test_the_bar_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wants_progress("on")
    assert not wants_progress("off")
    for terminal in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        assert wants_progress("auto") == terminal


def test_tests_have_the_statistics_of_training() -> None:
    env = VecNormalize(rl_zoo.cart_poles())
    model = rl_zoo.trained(env, 128)
    tests = EvaluationCallback(
        VecNormalize(rl_zoo.cart_poles(), training=False), every=9, episodes=1, seed=0
    )
    tests.evaluate(model)
    assert isinstance(tests.env, VecNormalize)
    found, given = vars(tests.env.obs_rms), vars(env.obs_rms)
    assert all(np.array_equal(found[name], given[name]) for name in given)
