"""Tests for benchmarks/shootout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sb3_prune_dsp import PopsConfig

from benchmarks.shootout import __main__, figures, page, running
from benchmarks.shootout.budget import (
    BUDGETS,
    CARTPOLE,
    DENSE,
    METHODS,
    NAMED,
    POPS,
    SMALL,
    UNITS,
    Budget,
    Method,
    Part,
)
from sb3_prune.analysis.figures import new_figure
from sb3_prune.pruning import make_strategy
from sb3_prune.runs import carry_out

SHORT = replace(CARTPOLE, steps=1_024)
FOUR = (DENSE, SMALL, NAMED["dsp"], NAMED["l1"])
TINY = Budget("tiny", (Part(SHORT, (0.9, 0.95), (101, 102), FOUR),), 1.0, 2, 2)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Budget:
    """Return a budget of seconds, whose results go into a temporary folder."""
    monkeypatch.setattr(running, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(running, "ROOT", tmp_path)
    monkeypatch.setattr(__main__, "RESULTS", tmp_path / "results")
    return TINY


def carried_out(budget: Budget, work: Path) -> page.Runs:
    jobs = [running.job_of(budget, *training) for training in budget.trainings()]
    with ThreadPoolExecutor(1) as pool:
        carry_out(jobs, running.RESULTS, work=work, executor=pool)
    return __main__.results(budget)


@pytest.mark.slow
def test_trainings_tables_and_figures(tiny: Budget, tmp_path: Path) -> None:
    found = carried_out(tiny, tmp_path)
    assert {key[1:] for key in found} == {
        ("dense", 0.0),
        *((name, s) for name in ("small dense", "dsp", "l1") for s in (0.9, 0.95)),
    }
    dense, small, ours = (
        found[SHORT.env, name, share][0]
        for name, share in (("dense", 0.0), ("small dense", 0.95), ("dsp", 0.95))
    )
    assert dense["units_deploy"] == 256
    assert small["weights_deploy"] == ours["weights_deploy"] == 4 * 6 + 36 + 2 * 6
    assert len(ours["returns"]) == 2 and ours["units"][-1]["timesteps"] <= 1_024
    text = page.text(tiny, found)
    assert text.count("| dense | 2 | 256 |") == 2
    assert "100% of the small dense net's return" in text
    __main__.draw(tiny, found, f"{tmp_path}/")
    for name in ("returns", "layers", "sparsities", "heatmaps"):
        assert (tmp_path / f"{name}.png").stat().st_size > 5_000
    complete = (tmp_path / "heatmaps.png").read_bytes()
    for training in tiny.trainings():
        if training[1].name == "l1":  # As on a machine that did not train it.
            running.zip_of(running.job_of(tiny, *training)).unlink()
    __main__.draw(tiny, found, f"{tmp_path}/")
    assert (tmp_path / "heatmaps.png").read_bytes() == complete


def test_a_stopped_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = (tmp_path, SHORT, NAMED["dsp"], 0.9, 101, 1_024, 2, 4)
    look = running.Evaluations.look

    def stop(self: Any) -> None:
        if self.num_timesteps > 600:
            raise KeyboardInterrupt
        look(self)

    monkeypatch.setattr(running.Evaluations, "look", stop)
    with pytest.raises(KeyboardInterrupt):
        running.train(*given)
    monkeypatch.undo()
    found = running.train(*given)
    assert [steps for steps, _ in found["evaluations"]] == [256, 512, 768, 1_024]
    history = [row["timesteps"] for row in found["units"]]
    assert history == sorted(history) and history[0] == 0
    assert found["layers"]["mlp_extractor.policy_net.0"] == 13


def test_an_agent_may_be_shrunk_after_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quick = PopsConfig(prunings=1, shrinkings=1, episodes=2, updates=5, loss=100.0)
    monkeypatch.setattr(running, "PopsConfig", lambda: quick)
    model = running.build(SHORT, POPS, 0.0, 101, running.make(SHORT, SHORT.envs))
    found = running.final(model, SHORT, POPS, 101, 2)
    assert found["pops"]["updates"] == 10 and found["pops"]["env_steps"] > 0


def test_the_small_budget_is_the_one_that_was_asked_for() -> None:
    counts: dict[str, int] = {}
    for task, *_ in BUDGETS["small"].trainings():
        counts[task.env] = counts.get(task.env, 0) + 1
    pruned = len(METHODS) - 2
    assert counts == {
        "CartPole-v1": 5 * (2 + 3 * pruned),
        "LunarLander-v3": 3 * (2 + pruned),
        "Hopper-v5": 2 * 7,
        "Walker2d-v5": 2 * 7,
    }
    seeds = {seed for *_, seed in BUDGETS["small"].trainings()}
    assert not seeds & {seed for *_, seed in BUDGETS["smoke"].trainings()}


def test_a_job_knows_the_defaults_of_its_method() -> None:
    # So a result is not taken for one of other defaults.
    for method in METHODS:
        settings = running.job_of(BUDGETS["small"], SHORT, method, 0.9, 1).settings
        config = settings["method"]["config"]
        assert bool(config) == (method not in (DENSE, SMALL))
        if method.strategy:
            assert config["final_sparsity"] == 0.9 and "end" in config
            given = json.loads(json.dumps(method.options))
            assert given.items() <= config.items()


def test_methods_differ_in_name_and_every_one_has_both_kinds_of_cuts() -> None:
    assert len(NAMED) == len(METHODS)
    for name in UNITS:
        one = NAMED[name]
        kinds = {f"{name}, plain": False, f"{name}, compensated": True}
        (other,) = kinds.keys() & NAMED.keys()
        options = {**one.options, "compensate": kinds[other]}
        assert NAMED[other] == Method(other, one.strategy, options)
        given = {**one.options, "final_sparsity": 0.9}
        default = make_strategy(one.strategy, given).compensates
        assert (default is None) == (not kinds[other])


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0.9, 0.9], True),
        ([0.97, 0.98, 0.99], True),
        ([0.8, 1.1, 1.0], None),  # Noise is no evidence: the mean is above the bar.
        ([0.04, 1.96], None),
        ([0.7, 0.71, 0.72], False),
        ([2.0], None),
    ],
)
def test_a_share_is_reached_if_its_interval_is_above_the_bar(
    shares: list[float], expected: bool | None
) -> None:
    assert page.reached(shares, 0.9) is expected


def test_there_is_no_share_of_a_return_that_is_not_positive() -> None:
    found = {key: [dict(run) for run in runs] for key, runs in fake()}
    for run in (run for runs in found.values() for run in runs):
        run["return"] -= 200.0
    made = page.table(TINY, TINY.parts[0], 0.9, found)
    assert [holds for _, holds in made.claims] == [None, None]
    assert "returns that are not positive (there are such)" in made.markdown()


def test_what_pops_did_after_training_is_told_and_not_its_curve() -> None:
    found = dict(fake())
    ((key, runs),) = [each for each in found.items() if each[0][1] == "dsp"]
    more = {"pops": {"env_steps": 1_000, "updates": 20}}
    found[key[0], "pops", 0.0] = [{**run, **more} for run in runs]
    part = replace(TINY.parts[0], methods=(*FOUR, POPS))
    made = page.table(TINY, part, 0.9, found)
    assert made.rows[-1][0] == "pops" and made.rows[-1][-1] == "-"
    assert "with 1,000 environment steps and 20 updates more" in made.markdown()


def test_a_resumed_training_tests_an_agent_once(tiny: Budget) -> None:
    seen: list[int] = []
    watch = running.Evaluations(None, 10)  # type: ignore[arg-type]
    watch.look = lambda: watch.found.append((watch.num_timesteps, 0.0))  # type: ignore[method-assign]
    for step in (0, 16, 32, 32, 48):
        watch.num_timesteps = step
        watch._on_rollout_start()
        seen.append(len(watch.found))
    assert seen == [0, 1, 2, 2, 3]


def test_curves_meet_at_equal_steps() -> None:
    axes = new_figure((3, 3)).subplots()
    curves = [[(10, 1.0), (20, 2.0), (30, 3.0)], [(10, 3.0), (25, 9.0), (30, 5.0)]]
    figures._curve(axes, "dsp", "red", curves)
    assert axes.lines[0].get_xydata().tolist() == [[10, 2], [30, 4]]


def fake() -> Iterator[tuple[tuple[str, str, float], list[dict[str, Any]]]]:
    for name, share, value in (
        (DENSE.name, 0.0, 100.0),
        (SMALL.name, 0.9, 95.0),
        ("dsp", 0.9, 80.0),
    ):
        run = {
            "return": value,
            "evaluations": [(1, 0.0), *((k, value) for k in range(2, 32))],
            "units": [],
            "units_deploy": 4,
            "flops_deploy": 9,
            "weights_deploy": 5,
            "sparse_flops_deploy": 6,
        }
        yield (SHORT.env, name, share), [run, run]


def test_claims_say_what_does_not_hold(tiny: Budget) -> None:
    made = page.table(tiny, tiny.parts[0], 0.9, dict(fake()))
    assert [holds for _, holds in made.claims] == [False, False]
    assert made.rows[2] == ["dsp", 2, 4, 9, 5, 6, "80.0", "80.0 to 80.0", "80.0"]
    assert figures.of(dict(fake()), (SHORT.env, 0.9), "dense")


def test_evaluations_that_are_averaged_come_after_the_last_cut() -> None:
    rows = [(step, float(step)) for step in range(10, 101, 10)]
    run: dict[str, Any] = {"evaluations": rows, "units": []}
    assert [step for step, _ in page.late_of(run)] == [80, 90, 100]
    run["units"] = [{"timesteps": 0}, {"timesteps": 80}]
    assert [step for step, _ in page.late_of(run)] == [90, 100]
    run["units"] = [{"timesteps": 100}]
    assert page.late_of(run) == []


@pytest.mark.parametrize("budget", ["small", "trials"])
def test_published_means_are_of_agents_of_their_final_size(budget: str) -> None:
    found = __main__.results(BUDGETS[budget])
    for run in (run for runs in found.values() for run in runs):
        late, end = page.late_of(run), run["evaluations"][-1][0]
        cuts = [row["timesteps"] for row in run["units"]]
        assert bool(late) == ("pops" not in run)
        assert all(step > max([0.7 * end, *cuts]) for step, _ in late)


def test_a_figure_of_one_seed_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(figures, "_save", lambda figure, _: drawn.append(figure))
    figures.layers(TINY, dict(fake()), tmp_path / "a.png")
    said = drawn[0].findobj(
        lambda each: "first seed" in str(getattr(each, "_text", ""))
    )
    assert said


def test_one_seed_decides_nothing() -> None:
    part = replace(TINY.parts[0], seeds=(101,))
    made = page.table(TINY, part, 0.9, {key: runs[:1] for key, runs in fake()})
    assert [holds for _, holds in made.claims] == [None, None]
    assert all("one seed" in text for text, _ in made.claims)


def test_one_seed_has_no_error_bar() -> None:
    axes = new_figure((3, 3)).subplots()
    figures._points(axes, "dsp", "red", [(0.9, [100.0]), (0.95, [90.0, 110.0])], 0)
    bars = [bar for each in axes.collections for bar in each.get_segments()]
    assert [bar.tolist() for bar in bars] == [[[0.95, 90.0], [0.95, 110.0]]]
    assert list(axes.lines[0].get_ydata()) == [100.0, 100.0]


def test_methods_stand_at_the_share_of_units_that_is_really_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: dict[str, list[float]] = {}

    def watch(_: Any, name: str, __: str, points: Any, ___: int) -> None:
        asked[name] = [share for share, _ in points]

    monkeypatch.setattr(figures, "_points", watch)
    ((_, runs),) = [each for each in fake() if each[0][1] == "dsp"]
    found = {(SHORT.env, name, s): runs for name in ("dsp", "l1") for s in (0.9, 0.95)}
    for name, units in (("l1", 128), ("dsp", 26)):
        found[SHORT.env, name, 0.9] = [{**runs[0], "units_deploy": units}]
    figures.sparsities(TINY, found, tmp_path / "a.png")
    assert asked["l1"][0] == 0.5 and asked["dsp"][0] == 1 - 26 / 256


def test_claims_wait_for_all_seeds(tiny: Budget) -> None:
    found = dict(fake())
    found[SHORT.env, "dsp", 0.9] = found[SHORT.env, "dsp", 0.9][:1]
    made = page.table(tiny, tiny.parts[0], 0.9, found)
    assert made.claims == [] and [row[1] for row in made.rows] == [2, 2, 1]


def test_the_published_page_is_made_of_its_results() -> None:
    published = __main__.PAGE.read_text("utf-8").partition(__main__.MARK)[2][2:]
    assert published == __main__.published()
