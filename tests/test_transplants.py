"""Tests for benchmarks/transplants."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.transplants import __main__, figures, gains, page
from benchmarks.transplants.gains import Gain
from benchmarks.transplants.running import job_of, train
from benchmarks.transplants.tasks import ARMS, TASKS, arm_maps
from benchmarks.transplants.worlds import World
from sb3_prune.runs import Job

SHORT: dict[str, dict[str, Any]] = {
    "DQN": {"learning_starts": 50, "gradient_steps": 2},
    "SAC": {"learning_starts": 50, "train_freq": 8, "gradient_steps": 1},
    "PPO": {},
}
"""Settings with which some hundred steps of training learn something, and are soon
over."""
NAMES = [name for name in TASKS if "Lunar" not in name]
"""Tasks whose environment needs nothing that may be missing."""


def run_of(old: Any, transplanted: Any, scratch: Any) -> dict[str, Any]:
    """Return a result with these returns, tested every 10 steps."""
    named = {"old": old, "transplanted": transplanted, "from scratch": scratch}
    return {
        name: [[10 * k, value] for k, value in enumerate(values)]
        for name, values in named.items()
    }


RUN = run_of([0, 1, 5], [5, 6, 7, 8], [0, 2, 4, 6, 8, 10])


# Worlds and tasks.


@pytest.mark.parametrize("env", ["CartPole-v1", "Acrobot-v1"])
def test_a_world_shows_and_does_what_it_says(env: str) -> None:
    whole = World(env=env).make(2)
    part = World(env=env, seen=(2, 0), acts=(1, 0)).make(2)
    for each in (whole, part):
        each.seed(3)
    assert np.array_equal(whole.reset()[:, [2, 0]], part.reset())
    for step in range(600):  # Longer than episodes are, so ends are among them.
        action = step // 3 % 2
        ours = whole.step(np.full(2, action))
        theirs = part.step(np.full(2, 1 - action))
        assert np.array_equal(ours[0][:, [2, 0]], theirs[0])
        for info, other in zip(ours[3], theirs[3], strict=True):
            last = info.get("terminal_observation")
            assert (last is None) == ("terminal_observation" not in other)
            if last is not None:
                assert np.array_equal(last[[2, 0]], other["terminal_observation"])


@pytest.mark.parametrize("places", [(0, 1), (0, 2)])
def test_an_arm_with_a_joint_more_moves_as_before(places: tuple[int, ...]) -> None:
    maps = arm_maps(places, 3)
    worlds = [ARMS[2], ARMS[3]]
    small, large = (world.make(1) for world in worlds)
    for each in (small, large):
        each.seed(0)
        each.reset()
    known = [new for new, old in enumerate(maps["actions"]) if old is not None]
    assert sorted(maps["actions"][new] or 0 for new in known) == list(range(9))
    for new in known:
        old = maps["actions"][new]
        before, after = small.step(np.array([old]))[0], large.step(np.array([new]))[0]
        for place, source in enumerate(maps["observations"][:6]):
            # A joint that is new stays straight: its sine is 0, its cosine 1.
            expected = place % 2 if source is None else before[0, source]
            assert after[0, place] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
def test_a_task_maps_what_its_worlds_have(task: Any) -> None:
    if "misled" in task.name:
        assert task.observations is task.actions is None
        return
    for told, ours, theirs in (
        (task.observations, task.old.seen, task.new.seen),
        (task.actions, task.old.acts, task.new.acts),
    ):
        if ours:
            assert told is not None and not theirs
            for new, old in enumerate(told):
                assert old == (ours.index(new) if new in ours else None)
        else:
            assert (told is None) == (task.old.env != "planar arm")


def test_jobs_have_names_of_their_own_and_know_all_settings() -> None:
    made = {name: maker(1) for name, maker in __main__.JOBS.items()}
    assert all(isinstance(job, Job) for job in made.values())
    assert len({job.name for job in made.values()}) == len(made)
    task = next(iter(TASKS.values()))
    stored = job_of(task, 1).stored()
    for name, value in (("every", 7), ("begins", {"gamma": 0.5}), ("envs", 3)):
        assert job_of(replace(task, **{name: value}), 1).stored() != stored
    assert job_of(task, 2).stored() != stored


# Trainings.


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_task_runs(name: str, tmp_path: Path) -> None:
    whole = TASKS[name]
    settings = {**whole.settings, **SHORT[whole.algorithm]}
    task = replace(whole, settings=settings, steps=(512, 1024), every=256, episodes=2)
    run = train(tmp_path, task, 1)
    assert [len(run[kind]) for kind in ("old", "transplanted", "from scratch")] == [
        *(3, 5, 7)
    ]
    for kind in ("old", "transplanted", "from scratch"):
        late = [step - 256 * k for k, (step, _) in enumerate(run[kind])]
        assert late[0] == 0 and all(0 <= far < whole.envs for far in late)
    if run["report"]["moved"] < 1e-6 and whole.old == whole.new:
        assert run["transplanted"][0][1] == run["old"][-1][1]


@pytest.mark.slow
def test_a_seed_gives_the_same_again(tmp_path: Path) -> None:
    name = "PPO CartPole, 64-64 to 256-256 in mid-training"
    task = replace(TASKS[name], steps=(512, 512), every=256, episodes=2)
    assert train(tmp_path, task, 1) == train(tmp_path, task, 1)
    assert train(tmp_path, task, 1) != train(tmp_path, task, 2)


# Gains.


def test_readings_of_a_run() -> None:
    assert gains.head(RUN) == [[0, 0], [10, 2], [20, 4], [30, 6]]
    # The old agent's 20 steps count: the transplant begins beside the step 20.
    assert gains.later(RUN) == [[20, 4], [30, 6], [40, 8], [50, 10]]
    assert gains.in_return([RUN]).values == [6.5 - 3.0]
    total = gains.in_total([RUN])
    assert total is not None and total.values == [6.5 - 7.0]
    short = {**RUN, "from scratch": RUN["from scratch"][:4]}
    assert gains.later(short) is None and gains.in_total([RUN, short]) is None
    assert gains.head(short) == gains.head(RUN)


def test_steps_until_the_return_from_scratch() -> None:
    slow = run_of([0, 1], [0, 0, 0, 0], [0, 0, 0, 2])
    wanted = gains.threshold([RUN, slow])
    assert wanted == (6 + 2) / 2  # The last quarter of the tests, mean of all seeds.
    assert gains.steps_until(RUN["transplanted"], wanted) == 0
    assert gains.steps_until(slow["transplanted"], wanted) == 30
    assert gains.never([RUN["transplanted"], slow["transplanted"]], wanted) == 1
    assert gains.in_steps([RUN, slow]).values == [20 - 0, 30 - 30]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0] * 4, "too few seeds"),
        ([1.0, 2.0, 3.0, 1.0, 2.0], "better"),
        ([-1.0, -2.0, -3.0, -1.0, -2.0], "worse"),
        ([-1.0, 2.0, -3.0, 1.0, 2.0], "undecided"),
        ([5.0], "too few seeds"),
    ],
)
def test_a_verdict_is_as_strict_as_the_data(values: list[float], expected: str) -> None:
    assert Gain(values).verdict == expected


# The page and the figure.


def test_the_page_and_the_figure(tmp_path: Path) -> None:
    short = {**RUN, "from scratch": RUN["from scratch"][:4]}
    found: page.Runs = {"one": [RUN] * 5, "none": [], "two": [short]}
    text = page.text(found)
    assert "| one | 5 | 5.00 | 5.00 | 6.50 | 3.00 | 3.50 (3.50 to 3.50) |" in text
    assert "| two | 1 | 5.00 | 5.00 | 6.50 | 3.00 | 3.50 (one seed) | - | - |" in text
    assert (
        "- one: **better**, 3.50 (3.50 to 3.50); old steps counted: **worse**" in text
    )
    assert "- two: **too few seeds**" in text and "none" not in text
    figures.draw(found, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5_000


def test_the_page_has_one_mark() -> None:
    assert __main__.PAGE.read_text("utf-8").count(__main__.MARK) == 1


def test_the_published_page_is_made_of_its_results() -> None:
    found = __main__.results(list(__main__.JOBS), list(range(1, 21)))
    published = __main__.PAGE.read_text("utf-8").partition(__main__.MARK)[2][2:]
    assert published == page.text(found)
