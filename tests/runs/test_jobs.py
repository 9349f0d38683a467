"""Tests for runs/jobs.py."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import pytest

from runs.working import Budget, count, job
from sb3_prune.exceptions import ConfigError, JobError
from sb3_prune.runs import Job
from sb3_prune.runs.jobs import BEGUN, LARGEST, begun, read, require_same_job, text_of


def keep(folder: Path, made: Job, **result: Any) -> Path:
    path = folder / f"{made.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text_of(made, result))
    return path


@pytest.mark.parametrize("name", ["a", "Hopper-v5/ofe-big-1", "tau=0.2,seed=1", "_"])
def test_names_become_files(name: str, tmp_path: Path) -> None:
    made = job(name)
    assert read(made, tmp_path) is None
    keep(tmp_path, made, x=1)
    assert read(made, tmp_path) == {"x": 1}


@pytest.mark.parametrize(
    "name",
    [
        *("", "/", "a/", "/a", "a//b", "../a", "a/..", ".a", "a b", "a\n", "a\\b", "é"),
        *("-a", "a" * 201, "a.json", "a.unfinished/b"),
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="name of a job must be"):
        job(name)


def test_settings_are_the_arguments_or_what_is_given(tmp_path: Path) -> None:
    budget = {"steps": 3, "widths": [4, 4], "place": "a/b"}
    assert job("a", budget=Budget(), rate=0.1).stored() == {
        "budget": budget,
        "rate": 0.1,
    }
    arguments: dict[str, Any] = {"budget": object()}
    own = Job(name="a", function=count, arguments=arguments, settings={"steps": 3})
    assert own.stored() == {"steps": 3}
    with pytest.raises(ConfigError, match="'a' cannot be stored as JSON: object"):
        Job(name="a", function=count, arguments=arguments)
    for value in (float("nan"), {1, 2}, b"x", np.float32(1), Budget):
        with pytest.raises(ConfigError, match="cannot be stored as JSON"):
            job("a", value=value)


def test_functions_may_write_into_their_arguments(tmp_path: Path) -> None:
    """As SB3's A2C writes a class of torch into the ``policy_kwargs`` it gets."""
    kwargs: dict[str, Any] = {"net_arch": [8]}
    made = job("a", kwargs=kwargs)
    kwargs["optimizer_class"] = object
    keep(tmp_path, made, x=1)
    again = job("a", kwargs={"net_arch": [8]})
    assert made.stored() == {"kwargs": {"net_arch": [8]}} == again.stored()
    assert read(again, tmp_path) == {"x": 1}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"budget": Budget(4)}, "budget.steps is 3 there, 4 here"),
        (
            {"budget": Budget(widths=(4,))},
            r"budget.widths is \[4, 4\] there, \[4\]",
        ),
        ({"budget": Budget(), "more": 1}, "more is nothing there, 1 here"),
        ({}, "budget is {.*} there, nothing here"),
        ({"budget": 5}, "budget is {.*} there, 5 here"),
    ],
)
def test_other_settings_are_refused_and_named(
    asked: Any, said: str, tmp_path: Path
) -> None:
    made = job("x/a", budget=Budget())
    keep(tmp_path, made)
    for _ in range(2):
        with begun(made, tmp_path / "folder"):
            pass
    assert read(job("x/a", budget=Budget()), tmp_path) == {}
    with pytest.raises(JobError, match=rf"a.json' is of other settings: .*{said}"):
        read(job("x/a", **asked), tmp_path)
    other = pytest.raises(JobError, match=rf"folder' is of other settings: .*{said}")
    with other, begun(job("x/a", **asked), tmp_path / "folder"):
        pass


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "{}", '{"x": 1}', "\xff", "[" * 100_000]
)
def test_damage_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(text.encode("latin1"))
    with pytest.raises(JobError, match=r"a.json' is no result of a job: expected"):
        read(job("a"), tmp_path)


@pytest.mark.parametrize(
    ("there", "here"), [({"x": "nothing"}, {}), ({"x": 1}, {"x": True})]
)
def test_what_is_nearly_equal_is_refused(
    there: dict[str, Any], here: dict[str, Any], tmp_path: Path
) -> None:
    keep(tmp_path, job("a", **there))
    with pytest.raises(JobError, match="of other settings: x is"):
        read(job("a", **here), tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\xff"])
def test_a_damaged_folder_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / BEGUN).write_bytes(text.encode("latin1"))
    with pytest.raises(JobError, match=rf"{BEGUN}' is damaged, so nobody knows"):
        require_same_job(job("a"), tmp_path)


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (3, "must be a mapping .*, got int"),
        (None, "must be a mapping .*, got NoneType"),
        ({"settings": 1}, "got one with 'settings'"),
        ({"x": float("nan")}, "cannot be stored as JSON: Out of range"),
        ({"x": np.float32(1)}, "cannot be stored as JSON: .*float32"),
        ({"x": Budget()}, "cannot be stored as JSON: .*Budget"),
        ({"x": "x" * LARGEST}, f"at most {LARGEST:,} are kept"),
    ],
)
def test_what_is_no_result_is_refused(result: Any, said: str) -> None:
    with pytest.raises(JobError, match=f"job 'a/b' .*{said}"):
        text_of(job("a/b"), result)


def test_the_file_has_the_result_and_then_the_settings(tmp_path: Path) -> None:
    path = keep(tmp_path, job("a", x=1), y=(2, 3), z=np.float64(0.5))
    assert json.loads(path.read_text()) == {
        "y": [2, 3],
        "z": 0.5,
        "settings": {"x": 1},
    }


def test_a_job_is_carried_out_by_one_process_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, folder = job("a"), tmp_path / "folder"
    monkeypatch.setattr("sb3_prune.runs.jobs.PATIENCE", 0.1)
    other = pytest.raises(JobError, match="'a' is being carried out by another process")
    with begun(made, folder):
        with other, begun(made, folder):
            pass
        monkeypatch.setattr("sb3_prune.runs.jobs.fcntl", None)
        with begun(made, folder):  # Where there are no locks.
            pass
    monkeypatch.undo()
    with begun(made, folder):
        pass


def test_who_was_just_killed_is_waited_for(tmp_path: Path) -> None:
    made, folder = job("a"), tmp_path / "folder"
    dying = ExitStack()
    dying.enter_context(begun(made, folder))
    timer = Timer(0.2, dying.close)
    timer.start()
    with begun(made, folder):
        timer.join()
