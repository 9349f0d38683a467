"""Tests for benchmarks/screening."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import A2C
from torch import nn

from benchmarks.screening import __main__, figures, page, running
from benchmarks.screening.budget import BUDGETS, SETUPS, Setup
from benchmarks.screening.experiments import EXPERIMENTS, found, outcomes, split
from benchmarks.screening.readings import (
    CHOSEN,
    GREEDY,
    READINGS,
    TOLD,
    Fit,
    Goal,
    Reading,
    Run,
    fits,
    solved_at,
)
from benchmarks.screening.verdicts import five_lines
from sb3_prune.screening.rates import rate

ASKED = Reading(iteration="updates", episodes=GREEDY, level="195")
NEVER = Goal(level=1e9, episodes=1)
every_setup = pytest.mark.parametrize("setup", SETUPS.values(), ids=list(SETUPS))


def test_v0_is_the_one_of_the_register() -> None:
    with warnings.catch_warnings(action="ignore"):  # That v0 is out of date.
        old = gym.make("CartPole-v0").spec
    ours = running.make(SETUPS["tanh-v0"]).spec
    assert old is not None and ours is not None
    for name in ("entry_point", "kwargs", "max_episode_steps", "additional_wrappers"):
        assert getattr(old, name) == getattr(ours, name), name


@every_setup
def test_agents_are_stock_ones_with_other_activations(setup: Setup) -> None:
    ours = running.build(setup, 3)
    stock = A2C("MlpPolicy", "CartPole-v1", seed=3, device="cpu")
    weights = stock.policy.state_dict()
    assert all((weights[n] == w).all() for n, w in ours.policy.state_dict().items())
    first = nn.ReLU if setup.relu else nn.Tanh
    both = ours.policy.mlp_extractor
    for net in (both.policy_net, both.value_net):
        assert [type(net[1]), type(net[3])] == [first, nn.Tanh]
    assert ours.learning_rate == 2.5e-3


@pytest.mark.slow
@every_setup
def test_looking_changes_no_training(setup: Setup) -> None:
    looked = running.train(setup, 3, 1_000, None, units=True)
    blind = running.train(setup, 3, 1_000, NEVER, units=False)
    env = running.build(setup, 3).learn(1_000).get_env()
    assert env is not None
    assert [looked["lengths"]] == env.env_method("get_episode_lengths")
    assert blind["solved_at"] is None and "units" not in blind
    assert [steps for steps, _ in looked["greedy"]] == [500, 1_000]
    assert looked["values"] == blind["values"]
    assert tuple(looked["values"]) == tuple(looked["units"]) == setup.screeners
    for layers in looked["units"].values():
        assert [len(units) for units in layers.values()] == [64, 64]


@pytest.mark.slow
@pytest.mark.parametrize("episodes", [1, 3, 10, GREEDY])
def test_trainings_end_where_readings_say(episodes: int) -> None:
    setup, goal = SETUPS["tanh-v0"], Goal(level=25.0, episodes=episodes)
    whole = running.train(setup, 5, 2_000, None, units=False)
    steps = solved_at(whole, episodes, goal.level)
    run = running.train(setup, 5, 2_000, goal, units=False)
    assert run["solved_at"] == steps == run["steps"] and steps < 2_000


def test_readings_by_hand() -> None:
    run = {"lengths": [10, 200, 190, 200, 7], "greedy": [[500, 100.0], [600, 200.0]]}
    assert solved_at(run, 1, 195) == 210
    assert solved_at(run, 2, 195) == 400
    assert solved_at(run, 2, 195.5) is None
    assert solved_at(run, 3, 195) == 600
    assert solved_at(run, 5, 1) == 607 and solved_at(run, 6, 1) is None
    assert solved_at(run, GREEDY, 195) == 600
    setup = SETUPS["tanh-v1"]
    given: dict[str, Any] = {"episodes": 1, "level": "195"}
    assert Reading(iteration="environment steps", **given).solved(run, setup) == 210
    assert Reading(iteration="updates", **given).solved(run, setup) == 42
    other = Reading(iteration="updates", episodes=1, level="to the end")
    assert other.solved(run, setup) is None
    assert other.solved(run, SETUPS["tanh-v0"]) == 42


def test_a_stopped_job_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setup, train, done = SETUPS["relu-v0"], running.train, []

    def once(setup: Setup, seed: int, *more: Any) -> dict[str, Any]:
        if seed in done:
            raise KeyboardInterrupt
        done.append(seed)
        return {"seed": seed}

    monkeypatch.setattr(running, "train", once)
    done.append(8)
    with pytest.raises(KeyboardInterrupt):
        running.train_many(tmp_path, setup, [7, 9], 60, NEVER, True)
    done.remove(8)
    both = running.train_many(tmp_path, setup, [7, 9], 60, NEVER, True)
    assert both == {"runs": [{"seed": 7}, {"seed": 8}]} and done == [7, 8]
    assert train is not once


def test_jobs_of_budgets() -> None:
    for budget in BUDGETS.values():
        names = [running.job_of(budget, *each).name for each in budget.jobs()]
        assert len(set(names)) == len(names)
    small, paper = (
        {running.job_of(BUDGETS[n], *each).name for each in BUDGETS[n].jobs()}
        for n in ("small", "paper")
    )
    assert small < paper
    seeds = {n: _seeds(n) for n in BUDGETS}
    assert seeds["small"] == set(range(1_000))
    assert seeds["paper"] == set(range(10_000))
    assert len(seeds["readings"]) == 100
    assert not seeds["paper"] & (seeds["readings"] | seeds["smoke"])


def _seeds(name: str) -> set[int]:
    return {seed for _, seeds in BUDGETS[name].jobs() for seed in seeds}


def test_readings_are_trained_for_the_longest_of_them() -> None:
    budget = BUDGETS["readings"]
    for each in budget.jobs():
        given = running.job_of(budget, *each).arguments
        assert given["steps"] == 25_000 and given["solved"] is None


def rates_of(reading: Reading, runs: int = 1_000) -> dict[str, list[Run]]:
    """Make trainings that have exactly the source's rates under a greedy reading."""
    made: dict[str, list[Run]] = {}
    for name, setup in SETUPS.items():
        told = sorted((t.limit, t.share) for t in TOLD if t.setup == setup)
        made[name] = [
            _solved_within(reading, setup, told, place / runs) for place in range(runs)
        ]
    return made


def _solved_within(
    reading: Reading, setup: Setup, told: list[tuple[int, float]], place: float
) -> Run:
    begin = next((limit for limit, share in told if place < share), 10**6)
    per = 5 if reading.iteration == "updates" else 1
    before = max(1, (begin - 500) * per)
    return {"lengths": [10] * 5, "greedy": [[before, 1e9]]}


@pytest.mark.slow
def test_the_nearest_reading_is_found() -> None:
    best = fits(rates_of(ASKED))[0]
    assert best.reading.episodes == GREEDY and best.distance < 1e-9
    assert best.reading.iteration == "updates" and best.held == 4
    assert len(fits(rates_of(ASKED))) == len(READINGS) == 36
    assert fits({}) == []


def test_distances_by_hand() -> None:
    shares = (0.604, 0.620, 0.729, 0.908)  # Ten points off in the first, 70 in ReLU's.
    counts = [round(1000 * share) for share in shares]
    rates = tuple(rate(count, 1000) for count in counts)
    fit = Fit(reading=CHOSEN, rates=rates)
    assert fit.distance == pytest.approx((5000 / 4) ** 0.5)
    assert fit.tanh_distance == pytest.approx((100 / 3) ** 0.5)
    assert "By the nets of tanh alone, it would be" in five_lines([fit], [])[0]


def fake(setup: Setup, seeds: range) -> Iterator[Run]:
    """Make trainings that are solved sooner the higher the entropy is."""
    generator = np.random.default_rng(len(setup.name))
    for seed in seeds:
        value = float(generator.normal(1.2, 0.1))
        wait = int(120 * np.exp(generator.normal(0, 0.4) - 8 * (value - 1.2)))
        layer = generator.normal(value, 0.1, 64).round(3).tolist()
        units = {"a": layer, "b": layer}
        yield {
            "seed": seed,
            "values": dict.fromkeys(setup.screeners, round(value, 4)),
            "units": dict.fromkeys(setup.screeners, units),
            "solved_at": 50 * wait if wait < 200 else None,
        }


@pytest.fixture(scope="module")
def runs() -> dict[str, list[Run]]:
    seeds = range(460, 540)
    return {name: list(fake(setup, seeds)) for name, setup in SETUPS.items()}


@pytest.mark.slow
def test_the_page_of_made_up_trainings(
    runs: dict[str, list[Run]], tmp_path: Path
) -> None:
    judged = found(runs, {})
    assert [each.experiment for each in judged] == list(EXPERIMENTS[:7])
    assert all(len(f.train) == len(f.test) == 40 for f in judged)
    text = page.text(rates_of(ASKED, 50), judged)
    assert "| tanh-v1, gradient-entropy | 40 + 40 | - / " in text
    assert text.count("| 40 + 40 |") == 7
    assert "| **source** |" in text and f"{CHOSEN.iteration} (chosen)" in text
    assert text.count("| second 64 |") == 4
    assert "2 more cannot be judged" in text
    assert text.count(", p = ") == 7  # The permutation tests of held-out boosts.
    assert [line[:3] for line in text.splitlines()[-5:]] == [
        f"{number}. " for number in range(1, 6)
    ]
    few = __main__.shown(judged)
    figures.draw(few, tmp_path)
    assert len(list(tmp_path.glob("screening_*.png"))) == 2 * len(few) == 4


def test_outcomes_are_those_of_the_chosen_reading() -> None:
    ends = {3: 3_001, 4: None, 5: 10**6}
    runs = [
        {"seed": n, "values": {"entropy": n}, "solved_at": end}
        for n, end in ends.items()
    ]
    made = outcomes(runs, "entropy")
    assert made.iterations.tolist() == [CHOSEN.count(3_001), 5_000, 5_000]
    assert made.successes.tolist() == [True, False, False]


def test_seeds_are_on_one_side() -> None:
    made: list[Run] = [{"seed": seed} for seed in range(1_000)]
    for experiment in EXPERIMENTS:
        train, test = split(experiment, made)
        assert len(train) == len(test) == 500
        assert {id(run) for run in [*train, *test]} == {id(run) for run in made}


def test_the_verdict_is_the_data_s(runs: dict[str, list[Run]]) -> None:
    first, _ = found({"tanh-v1": runs["tanh-v1"]}, {})
    for low, says in ((1.0, "in 1 of 1"), (-1.0, "in 0 of 1"), (-9.0, "in 0 of 1")):
        gain = replace(
            first.judgement.sweep.test_gain, interval=(low, low + 3), p_value=0.01
        )
        sweep = replace(first.judgement.sweep, test_gain=gain)
        judged = replace(first, judgement=replace(first.judgement, sweep=sweep))
        lines = five_lines([], [judged])
        assert says in lines[1] and ("for nobody" in lines[4]) == (low < 0)
        assert ("It costs with tanh-v1, entropy" in lines[4]) == (low == -9.0)
        assert ("80 seeds)" in lines[4]) == (low != -1.0)
    nobody = five_lines([], [])
    assert "No reading was measured" in nobody[0] and "No experiment" in nobody[1]


def test_too_few_successes_are_told(runs: dict[str, list[Run]]) -> None:
    """Three of 40 training seeds cannot be classified; none cannot be judged."""
    losing = [{**run, "solved_at": None} for run in runs["tanh-v1"]]
    few = [*runs["tanh-v1"][:3], *losing[3:40], *runs["tanh-v1"][40:]]
    few[:3] = [{**run, "solved_at": 500} for run in few[:3]]
    judged, _ = found({"tanh-v1": few}, {})
    assert judged.classified == {} and judged.seeds == 80
    assert "| tanh-v1, entropy | too few are fast |" in page.text({}, [judged])
    assert found({"tanh-v1": losing}, {}) == []


def test_without_results_the_page_says_so() -> None:
    text = page.text({}, [])
    assert text.count("Not measured yet") == 4


@pytest.mark.slow
def test_the_published_page_is_made_of_its_results() -> None:
    text = __main__.PAGE.read_text("utf-8").partition(__main__.MARK)[2][2:]
    assert text == __main__.published()
