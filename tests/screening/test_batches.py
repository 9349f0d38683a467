"""Tests for batches.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sb3_contrib import MaskablePPO
from sb3_prune_screening import Entropy
from stable_baselines3 import SAC

import sb3_prune as sp
from sb3_prune.exceptions import ConfigError, JobError, JobsFailedError
from sb3_prune.runs import Workers, read_table
from sb3_prune.screening import ScreenerConfig, ScreeningCallback, SolvedAt, screen
from screening.made import Largest, make_a2c


class Maker:
    """Makes agents."""

    def make(self, seed: int) -> Any:
        return make_a2c(seed)


EASY = SolvedAt(level=15.0, episodes=3)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def test_rows_tell_what_became_of_every_seed(tmp_path: Path, pool: Any) -> None:
    given = {"folder": tmp_path, "steps": 300, "solved": EASY, "executor": pool}
    rows = screen(make_a2c, range(4), Largest(), **given)
    assert [row["seed"] for row in rows] == [0, 1, 2, 3]
    assert all(row["passed"] is None for row in rows)
    assert any(row["solved"] for row in rows)
    for row in rows:
        assert row["solved"] == (row["steps_to_solve"] is not None)
        if row["solved"]:  # Seed 3 within the window.
            assert row["steps"] == max(50, row["steps_to_solve"])
        else:
            assert row["steps"] == 300 and row["updates_to_solve"] is None
        callback = ScreeningCallback(Largest())
        make_a2c(row["seed"]).learn(60, callback)
        assert row["value"] == callback.value


def test_runs_that_fail_are_given_up(tmp_path: Path, pool: Any) -> None:
    given: dict[str, Any] = {"steps": 300, "executor": pool}
    free = screen(make_a2c, range(4), Largest(), folder=tmp_path / "free", **given)
    threshold = sorted(row["value"] for row in free)[2]
    rows = screen(
        make_a2c, range(4), Largest(), threshold, folder=tmp_path / "kept", **given
    )
    for row, before in zip(rows, free, strict=True):
        assert row["value"] == before["value"]
        assert row["passed"] == (row["value"] >= threshold)
        if row["passed"]:
            assert {**row, "passed": None} == before
        else:
            assert row["steps"] == 50 and not row["solved"]
            assert row["updates"] == 9  # The tenth comes after the 50th step.


def test_further_screeners_measure_beside(tmp_path: Path, pool: Any) -> None:
    (row,) = screen(
        make_a2c,
        [3],
        "entropy",
        folder=tmp_path,
        steps=60,
        also={"big": Largest(), "nrse": "nrse"},
        details=True,
        executor=pool,
    )
    assert row["also/big"] > 0 and row["also/nrse"] > 0 and row["details"]["big"] == {}
    assert [len(units) for units in row["details"]["entropy"].values()] == [8, 6]


def test_finished_seeds_are_not_trained_again(tmp_path: Path, pool: Any) -> None:
    given: dict[str, Any] = {"folder": tmp_path, "steps": 60, "executor": pool}
    first = screen(make_a2c, [0, 1], Largest(), **given)
    (tmp_path / "seed=1.json").unlink()
    kept = (tmp_path / "seed=0.json").stat().st_mtime_ns
    assert screen(make_a2c, [0, 1, 2], Largest(), **given)[:2] == first
    assert (tmp_path / "seed=0.json").stat().st_mtime_ns == kept
    for other in ({"steps": 70}, {"threshold": 1.0}, {"solved": EASY}):
        with pytest.raises(JobError, match=next(iter(other))):
            screen(make_a2c, [0], Largest(), **{**given, **other})
    with pytest.raises(JobError, match=r"screener\.window"):
        screen(make_a2c, [0], Largest(ScreenerConfig(window=20)), **given)
    with pytest.raises(JobError, match="make_model"):
        screen(partial(make_a2c, n_steps=4), [0], Largest(), **given)


def test_a_table_has_all_rows(tmp_path: Path, pool: Any) -> None:
    given: dict[str, Any] = {"folder": tmp_path / "seeds", "steps": 60}
    table = tmp_path / "table.csv"
    rows = screen(make_a2c, [0, 1], Largest(), executor=pool, table=table, **given)
    jobs = [{"job": f"seed={row['seed']}", **row} for row in rows]
    assert read_table(table) == jobs


def test_settings_name_the_function_and_its_arguments(
    tmp_path: Path, pool: Any
) -> None:
    make = partial(make_a2c, n_steps=4)
    screen(make, [0], Entropy(), folder=tmp_path, steps=60, executor=pool)
    settings = json.loads((tmp_path / "seed=0.json").read_text())["settings"]
    assert settings["make_model"] == {
        "function": "screening.made.make_a2c",
        "args": [],
        "keywords": {"n_steps": 4},
    }
    assert settings["screener"]["name"] == "entropy" and settings["seed"] == 0


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    def inner(seed: int) -> Any:
        return make_a2c(seed)

    for make in (inner, lambda seed: make_a2c(seed)):  # noqa: PLW0108
        with pytest.raises(ConfigError, match="a function of a module"):
            screen(make, [0], Largest(), folder=tmp_path, steps=60)
    with pytest.raises(ConfigError, match="steps must be at least 50"):
        screen(make_a2c, [0], Largest(), folder=tmp_path, steps=49)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_processes_give_the_rows_of_this_one(tmp_path: Path, pool: Any) -> None:
    given: dict[str, Any] = {"steps": 100, "threshold": 0.6, "screener": "entropy"}
    here = screen(make_a2c, range(3), folder=tmp_path / "a", executor=pool, **given)
    with Workers(2) as workers:
        there = screen(
            make_a2c, range(3), folder=tmp_path / "b", executor=workers, **given
        )
    assert there == here


def test_what_a_name_does_not_tell_is_refused(tmp_path: Path) -> None:
    """Methods have an object beside their name; details have one name per screener."""
    given: dict[str, Any] = {"folder": tmp_path, "steps": 60}
    with pytest.raises(ConfigError, match="a function of a module"):
        screen(Maker().make, [0], Largest(), **given)
    with pytest.raises(ConfigError, match="also has 'largest'"):
        screen(make_a2c, [0], Largest(), also={"largest": Entropy()}, **given)
    assert not list(tmp_path.iterdir())


def make_learnt(seed: int) -> Any:
    kwargs = {"net_arch": [4], "ofe": {"blocks": 1, "units": 4}}
    return SAC(sp.OFEXiSACPolicy, "Pendulum-v1", policy_kwargs=kwargs, seed=seed)


def test_features_that_would_not_learn_are_refused(tmp_path: Path, pool: Any) -> None:
    given: Any = {"folder": tmp_path, "steps": 100, "executor": pool}
    with pytest.raises(JobsFailedError) as found:
        screen(make_learnt, [0], Largest(), **given)
    assert "OFEXiSACPolicy has an OFEXiNet" in str(found.value.failures)


def make_maskable(seed: int) -> Any:
    kwargs: Any = {"net_arch": [4]}
    env = "CartPole-v1"
    return MaskablePPO("MlpPolicy", env, n_steps=32, seed=seed, policy_kwargs=kwargs)


def test_agents_that_know_masks_need_none(tmp_path: Path, pool: Any) -> None:
    (row,) = screen(
        make_maskable, [0], Largest(), folder=tmp_path, steps=64, executor=pool
    )
    assert row["value"] is not None
