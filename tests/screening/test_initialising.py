"""Tests for initialising.py."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zoo
from stable_baselines3 import DQN

from sb3_prune.exceptions import ConfigError, ScreeningError, UnknownNameError
from sb3_prune.screening import ScreenerConfig, draw_until
from sb3_prune.screening.initialising import _acted
from screening.made import Largest, make_a2c


def test_the_first_that_passes_is_fresh() -> None:
    values = [_acted(make_a2c(seed), Largest()).value for seed in range(4)]
    threshold = sorted(values[1:])[1]  # type: ignore[type-var]
    assert threshold is not None
    passing = [s for s in range(1, 4) if (values[s] or 0) >= threshold]
    drawn = draw_until(make_a2c, threshold, Largest(), range(1, 4))
    assert drawn.seed == passing[0]
    assert drawn.values == {s: values[s] for s in range(1, passing[0] + 1)}
    assert drawn.steps == 50 * len(drawn.values)
    assert drawn.model.num_timesteps == 0
    drawn.model.learn(60)
    plain = make_a2c(drawn.seed).learn(60)
    zoo.assert_same(zoo.snapshot(drawn.model.policy), zoo.snapshot(plain.policy))


@pytest.mark.parametrize("name", ["PPO", "DQN", "SAC"])
def test_who_acts_does_not_learn(name: str) -> None:
    models: list[Any] = []

    def make(seed: int) -> Any:
        models.append(zoo.make_model(name, seed=seed))
        return models[-1]

    drawn = draw_until(make, -1.0, Largest())
    assert len(models) == 2 and models[0].num_timesteps == 50
    zoo.assert_same(zoo.snapshot(models[0].policy), zoo.snapshot(drawn.model.policy))


def test_by_default_by_the_entropy_of_the_policy() -> None:
    drawn = draw_until(make_a2c, 0.1)
    assert 0.1 <= drawn.values[drawn.seed] <= 0.6932


@pytest.mark.parametrize(("direction", "threshold"), [("above", 1e6), ("below", -1.0)])
def test_if_nobody_passes_the_best_is_named(direction: Any, threshold: float) -> None:
    screener = Largest(ScreenerConfig(direction=direction))
    with pytest.raises(ScreeningError, match=rf"None of 2 seeds .*{direction}") as told:
        draw_until(make_a2c, threshold, screener, [4, 5])
    values = {s: _acted(make_a2c(s), screener).value for s in (4, 5)}
    best = (max if direction == "above" else min)(values, key=lambda s: values[s] or 0)
    assert f"of seed {best}" in str(told.value)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ScreeningError, match="No seed to try"):
        draw_until(make_a2c, 1.0, Largest(), [])
    with pytest.raises(ConfigError, match="threshold"):
        draw_until(make_a2c, float("nan"), Largest())
    with pytest.raises(UnknownNameError, match="screener 'none'"):
        draw_until(make_a2c, 1.0, "none")


def test_who_was_measured_is_returned() -> None:
    model = make_a2c(0)
    with pytest.raises(ScreeningError, match=r"of seed 3 .*one that had acted"):
        draw_until(lambda _: model, -1.0, Largest(), [3])
    seeds = iter(range(9))
    with pytest.raises(ScreeningError, match=r"of seed 3 .*with other weights"):
        draw_until(lambda _: make_a2c(next(seeds)), -1.0, Largest(), [3])


def test_who_is_tried_leaves_no_log(tmp_path: Path) -> None:
    make = partial(make_a2c, tensorboard_log=str(tmp_path / "log"))
    drawn = draw_until(make, -1.0, Largest())
    assert not (tmp_path / "log").exists()
    drawn.model.learn(10)
    assert len(list((tmp_path / "log").iterdir())) == 1


def test_schedules_are_at_their_start() -> None:
    """DQN explores at random at the start of a training, however short the window."""
    made: list[DQN] = []

    def make(seed: int) -> DQN:
        made.append(DQN("MlpPolicy", "CartPole-v1", seed=seed, learning_starts=0))
        return made[-1]

    draw_until(make, -1.0, Largest())
    assert made[0].exploration_rate == pytest.approx(1.0)


def test_an_agent_that_would_mask_actions_acts_without_masks() -> None:
    env = zoo.make_env("PPO")
    drawn = draw_until(
        lambda seed: zoo.make_model("MaskablePPO", env=env, seed=seed), -1.0, Largest()
    )
    assert drawn.model.num_timesteps == 0
