"""Tests for runs/comparing.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from runs.made import gradual, make_run
from sb3_prune.evaluation.intervals import interquartile_mean, stratified_interval
from sb3_prune.exceptions import ConfigError
from sb3_prune.runs.comparing import compare_runs


def three_kinds(folder: Path) -> list[Path]:
    """Write a dense agent and a pruned one of five seeds, and a small one of one."""
    rng = np.random.default_rng(0)
    paths = []
    for seed in range(5):
        dense, pruned = rng.normal(100, 9, 3), rng.normal(90, 9, 3)
        paths += [
            make_run(folder / f"dense-{seed}", dense, parameters=900, seed=seed),
            make_run(
                folder / f"pruned-{seed}",
                pruned,
                parameters=80 + seed,
                seed=seed,
                strategy=gradual(0.9),
            ),
        ]
    return [*paths, make_run(folder / "small", (0, 50), net_arch=[6], parameters=85)]


def test_seeds_are_put_together(tmp_path: Path) -> None:
    paths = three_kinds(tmp_path)
    found = compare_runs(map(str, paths))
    assert found.task == "CartPole-v1"
    dense, pruned, small = found.groups.values()
    finals = [run.final for run in dense.runs]
    assert dense.returns == finals and len(finals) == 5
    assert dense.value == interquartile_mean(finals) != np.mean(finals)
    assert dense.interval == stratified_interval([finals])
    assert pruned.size("params_deploy") == 82
    assert small.interval is None and small.value == 50
    assert found.front() == ["ppo magnitude", "ppo dense"]


def test_over_training(tmp_path: Path) -> None:
    dense, _, small = compare_runs(three_kinds(tmp_path)).groups.values()
    curve = dense.over_training()
    assert curve.x == [0, 100, 200] and curve.middle[-1] == dense.value
    assert dense.interval == (curve.low[-1], curve.high[-1])
    bands = zip(curve.low, curve.middle, curve.high, strict=True)
    assert all(low < middle < high for low, middle, high in bands)
    alone = small.over_training()
    assert (alone.x, alone.middle, alone.low) == ([0, 100], [0, 50], [])


def test_steps_that_not_all_seeds_have_are_left_out(tmp_path: Path) -> None:
    paths = [make_run(tmp_path / f"{n}", [1] * n, seed=n) for n in (3, 4)]
    (group,) = compare_runs(paths).groups.values()
    assert group.steps == [0, 100, 200]
    assert group.over_training().low == [1, 1, 1, 1]


def test_the_curve_ends_with_the_last_evaluations(tmp_path: Path) -> None:
    returns = {1: [0, 10, 20, 7], 2: [0, 20, 9]}
    paths = [make_run(tmp_path / f"{n}", r, seed=n) for n, r in returns.items()]
    (group,) = compare_runs(paths).groups.values()
    assert group.steps == [0, 100, 200]
    curve = group.over_training()
    assert curve.x == [0, 100, 200, 250]
    assert curve.middle == [0, 15, 14.5, 8] and group.value == 8
    assert (curve.low[-1], curve.high[-1]) == group.interval == (7, 9)


def test_what_intervals_do_not_say_is_told(tmp_path: Path) -> None:
    zips = {"x": "one", "y": "one", "z": "other"}
    paths = [
        make_run(
            tmp_path / name,
            [30],
            seed=seed,
            command="prune",
            model=f"{name}.zip",
            checksum=checksum,
            label="same" if checksum == "one" else "others",
        )
        for seed, (name, checksum) in enumerate(zips.items())
    ]
    few = "an interval over few seeds is mostly their range, and too narrow"
    same = "one trained agent, pruned several times; the interval says nothing of"
    found = list(compare_runs(paths).remarks())
    alone = "one seed, so no interval: others"
    assert found == [alone, few, f"{same} other agents: same"]
    more = [make_run(tmp_path / f"{n}", [n], seed=n) for n in range(6)]
    assert list(compare_runs(more).remarks()) == []
    assert list(compare_runs(more[:5]).remarks()) == [few]


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([(10, 5), (20, 4), (30, 6)], ["0", "2"]),
        ([(10, 5), (10, 6)], ["1"]),
        ([(10, 5), (20, 5)], ["0"]),
        ([(30, 5), (20, 4), (10, 3)], ["2", "1", "0"]),
        ([(10, 5), (10, 5)], ["0", "1"]),
    ],
)
def test_the_front(
    points: list[tuple[int, float]], front: list[str], tmp_path: Path
) -> None:
    paths = [
        make_run(tmp_path / f"{i}", [value], parameters=size, label=str(i))
        for i, (size, value) in enumerate(points)
    ]
    assert compare_runs(paths).front() == front


def test_numbers_are_json_and_pictures_are_drawn(tmp_path: Path) -> None:
    found = compare_runs(three_kinds(tmp_path))
    numbers = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert numbers["pareto_front"] == found.front()
    small = numbers["groups"]["ppo dense net_arch=[6]"]
    assert small["interval"] is None and small["curve"]["low"] == []
    assert numbers["groups"]["ppo dense"]["seeds"] == [0, 1, 2, 3, 4]
    for figure in (found.plot_training(), found.plot_sizes()):
        (axes,) = figure.axes
        told = [text.get_text() for text in axes.get_legend().get_texts()]
        assert "ppo dense (5 seeds)" in told
        assert "ppo dense net_arch=[6] (1 seed, no interval)" in told


def test_runs_of_different_environments_are_refused(tmp_path: Path) -> None:
    paths = [
        make_run(tmp_path / "a"),
        make_run(tmp_path / "b", env={"kwargs": {"goals": "full"}}),
    ]
    with pytest.raises(ConfigError, match=r"CartPole-v1: .*a; CartPole-v1 goals=full"):
        compare_runs(paths)


def test_other_action_modes_are_the_same_task(tmp_path: Path) -> None:
    modes = [{"kwargs": {"action_mode": mode}} for mode in ("joint", "continuous")]
    paths = [make_run(tmp_path / f"{i}", env=mode) for i, mode in enumerate(modes)]
    assert len(compare_runs(paths).groups) == 2


def test_nothing_cannot_be_compared() -> None:
    with pytest.raises(ConfigError, match="at least one run folder"):
        compare_runs([])
