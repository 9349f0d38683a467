"""Tests for callback.py: what is measured, and that training stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
import zoo
from stable_baselines3.common.callbacks import EveryNTimesteps
from stable_baselines3.common.logger import Logger

from sb3_prune.exceptions import ConfigError, NonFiniteError, ScreeningError
from sb3_prune.screening import ScreenerConfig, ScreeningCallback
from screening.made import Largest, make_a2c

ON_POLICY = ["A2C", "PPO", "TRPO", "MaskablePPO"]
CASES = [(name, "entropy") for name in zoo.ALGORITHMS]
CASES += [(name, "gradient-entropy") for name in ON_POLICY]
CASES += [(name, "policy-entropy") for name in (*ON_POLICY, "SAC", "RecurrentPPO")]
CASES += [("A2C", "integrated-gradients"), ("PPO", "dormant-share"), ("DQN", "nrse")]


@pytest.mark.parametrize(("name", "screener"), CASES)
def test_a_run_that_goes_on_is_the_run_without_it(name: str, screener: str) -> None:
    callback = ScreeningCallback(screener, {"window": 40}, threshold=-1e9)
    if screener == "dormant-share":
        callback = ScreeningCallback(screener, threshold=1.5)
    # Building a model seeds all random states, so each is trained at once.
    with_it = zoo.train(zoo.make_model(name, stock=True), 96, callback=callback)
    without = zoo.train(zoo.make_model(name, stock=True), 96)
    assert callback.passed is True and callback.value is not None
    zoo.assert_same(zoo.snapshot(with_it.policy), zoo.snapshot(without.policy))
    assert with_it.num_timesteps == without.num_timesteps


def test_a_run_that_fails_stops_with_the_window() -> None:
    model = zoo.make_model("A2C")
    callback = ScreeningCallback(Largest(), threshold=1e9)
    model.learn(500, callback)
    assert callback.passed is False and model.num_timesteps == callback.steps == 50


@pytest.mark.parametrize("passes", [True, False])
def test_the_value_is_logged(passes: bool) -> None:
    model = zoo.make_model("A2C")
    written: list[dict[str, Any]] = []

    class Kept(Logger):
        def dump(self, step: int = 0) -> None:
            written.append(dict(self.name_to_value))
            super().dump(step)

    model.set_logger(Kept(None, []))
    callback = ScreeningCallback(Largest(), threshold=-1.0 if passes else 1e9)
    model.learn(80, callback, log_interval=10 if passes else 10_000)
    assert written[0]["screening/largest"] == callback.value


def test_without_a_threshold_it_only_measures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    callback = ScreeningCallback(Largest(), verbose=1)
    zoo.train(zoo.make_model("A2C"), 64, callback=callback)
    assert callback.passed is None and callback.value is not None
    assert capsys.readouterr().out == f"largest {callback.value:.4g}\n"


def test_details_are_kept_on_request() -> None:
    callback = ScreeningCallback("entropy", details=True)
    zoo.train(zoo.make_model("A2C"), 64, callback=callback)
    assert callback.details is not None
    assert [len(units) for units in callback.details.values()] == zoo.ARCH
    assert ScreeningCallback("entropy").details is None


def test_each_training_is_measured_anew() -> None:
    callback = ScreeningCallback(Largest(), threshold=-1.0)
    model = zoo.make_model("A2C")
    model.learn(64, callback)
    first = callback.value
    model.learn(64, callback)
    assert callback.value != first


def test_a_training_that_ends_before_is_warned_of() -> None:
    callback = ScreeningCallback(Largest())
    model = zoo.make_model("A2C")
    with pytest.warns(UserWarning, match="after 8 steps, the window has 50"):
        model.learn(8, callback)
    assert callback.value is None


def test_windows_count_steps_of_all_environments() -> None:
    from stable_baselines3.common.env_util import make_vec_env

    callback = ScreeningCallback(Largest(ScreenerConfig(window=10)))
    env = make_vec_env("CartPole-v1", 4)
    zoo.make_model("A2C", env=env).learn(64, callback)
    assert callback.steps == 12


@pytest.mark.parametrize("threshold", ["1", float("nan"), float("inf"), -float("inf")])
def test_a_threshold_is_a_finite_number(threshold: Any) -> None:
    with pytest.raises(ConfigError, match="threshold must be"):
        ScreeningCallback(Largest(), threshold=threshold)


def test_broken_agents_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Largest, "measure", lambda *_: float("nan"))
    with pytest.raises(NonFiniteError, match="'largest' measures nan"):
        zoo.make_model("A2C").learn(64, ScreeningCallback(Largest()))


@pytest.mark.parametrize("wrong", ["now and then", "twice"])
def test_steps_that_are_not_seen_once_are_refused(wrong: str) -> None:
    screening = ScreeningCallback(Largest())
    given: Any = (
        EveryNTimesteps(10, screening)
        if wrong == "now and then"
        else [screening, screening]
    )
    with pytest.raises(ScreeningError, match="to learn\\(\\) once"):
        make_a2c().learn(100, given)
    assert screening.value is None
