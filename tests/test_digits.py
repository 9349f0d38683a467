"""Tests for benchmarks/transplants/digits.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.transplants import __main__, digits, figures, page
from benchmarks.transplants.digits import DIGITS, images_of, network, train
from sb3_prune.runs import jobs

TASK = DIGITS["Digits 4-9 after 0-3, accuracy"]


def test_no_image_is_seen_and_held_out() -> None:
    found = images_of((4, 7), 0.25, 3)
    assert found.seen.shape[1:] == (1, 8, 8) and found.seen.max() <= 1
    both = torch.cat([found.seen, found.unseen]).flatten(1)
    assert len(both.unique(dim=0)) == len(both) == 181 + 179
    assert len(found.unseen) == round(0.25 * len(both))
    classes = torch.cat([found.classes, found.unseen_classes])
    assert classes.bincount().tolist() == [181, 179]
    other = images_of((4, 7), 0.25, 4)
    assert not torch.equal(found.unseen, other.unseen)


def test_equal_seeds_begin_with_equal_trunks() -> None:
    old, new = (network(TASK, count, 5).state_dict() for count in (4, 6))
    assert all(torch.equal(old[n], new[n]) for n in list(new)[:-2])


@pytest.mark.slow
def test_it_runs_and_the_page_takes_it(tmp_path: Path) -> None:
    short = {name: replace(t, updates=4, points=2) for name, t in DIGITS.items()}
    found = {name: [train(tmp_path, task, 1)] * 2 for name, task in short.items()}
    for (run, _), task in zip(found.values(), short.values(), strict=True):
        for kind in ("old", "transplanted", "from scratch"):
            assert [step for step, _ in run[kind]] == [0, 2, 4]
        assert run["report"]["new"] == 6 * task.hidden + 6
        assert run["transplanted"] != run["from scratch"]
    assert found[TASK.name][0]["old"] == found[list(DIGITS)[1]][0]["old"]
    assert page.returns(found).rows[0][:2] == [TASK.name, 2]
    figures.draw(found, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5_000


def test_the_results_are_of_these_settings() -> None:
    for name, make in digits.JOBS.items():
        assert __main__.JOBS[name] is make
        for seed in range(1, 21):
            run = jobs.read(make(seed), __main__.RESULTS)
            assert run is not None and len(run["transplanted"]) == 21
