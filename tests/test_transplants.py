"""Tests for benchmarks/transplants."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.transplants import __main__, figures, page
from benchmarks.transplants.running import job_of, train
from benchmarks.transplants.tasks import CARTPOLE, TASKS


def test_the_tasks_map_what_they_say() -> None:
    maps = {
        task.name: task.maps() for task in TASKS.values() if "Lunar" not in task.env
    }
    assert maps == {
        "CartPole, two sensors more": {"observations": [None, 0, 1, None]},
        "CartPole, 4-4 to 16-16": {},
        "CartPole, 8 to 8-8": {},
        "Acrobot, an action more": {"actions": [0, None, 1]},
    }
    assert __main__.PAGE.read_text("utf-8").count(__main__.MARK) == 1
    names = [job_of(task, 1).name for task in TASKS.values()]
    assert len(set(names)) == len(TASKS)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in TASKS if "Lunar" not in n])
def test_a_task_runs(name: str, tmp_path: Path) -> None:
    short = {**CARTPOLE, "learning_starts": 50, "train_freq": 16, "gradient_steps": 2}
    task = replace(TASKS[name], settings=short, steps=400, points=2, episodes=1)
    run = train(tmp_path, task, 1)
    for kind in ("old", "transplanted", "from scratch"):
        assert [step for step, _ in run[kind]] == [1, 200, 400, 400]
    found = {name: [run, run]}
    assert page.table(found).rows[0][:2] == [name, 2]
    figures.draw(found, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5_000
