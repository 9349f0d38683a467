"""Tests for reporting/page.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from reporting.made import PRUNED, SIZES, WIDTHS, evaluation, picture, whole_run
from sb3_prune import write_report
from sb3_prune.exceptions import ConfigError, RunFolderError
from sb3_prune.reporting.page import read_runs

EVIL = "<script>alert('&\"1')</script>"


class Reader(HTMLParser):
    """Collects tags, texts and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def page(*runs: Path) -> str:
    return write_report(runs, runs[0].parent / "report.html").read_text("utf-8")


def test_a_report_shows_the_numbers_of_its_run(tmp_path: Path) -> None:
    folder = whole_run(tmp_path / "run")
    picture(folder / "arm.gif")
    picture(folder / "analysis" / "effective-rank.png")
    read = Reader(page(folder))
    for text in ("664", "76", "-88.6 %", "199.5 to 201.5", "magnitude", "torch", "2.6"):
        assert text in read.texts
    assert ("alt", "Analysis: effective-rank") in read.attributes
    assert "What this run does not have" not in read.text
    assert "from stable_baselines3 import PPO" in read.text
    assert read.tags.count("img") == 2 and read.tags.count("h1") == 1


def test_a_page_needs_no_network(tmp_path: Path) -> None:
    folder = whole_run(tmp_path / "run")
    picture(folder / "arm.gif")
    read = Reader(page(folder))
    sources = [value for name, value in read.attributes if name in ("src", "href")]
    assert sources and all((value or "").startswith("data:") for value in sources)
    assert "link" not in read.tags
    assert not re.search(r"https?://|@import|url\(", page(folder))


def evil(folder: Path, **summary: Any) -> Path:
    """Write a run in which every text is code."""
    config = {
        "algorithm": EVIL,
        "command": [EVIL, EVIL],
        "strategy": {"name": EVIL, "options": {EVIL: EVIL}},
        "env": {"id": EVIL, "kwargs": {EVIL: EVIL}},
        "versions": {EVIL: EVIL},
    }
    widths = {"widths": {EVIL: 5}}
    after = {**SIZES, **widths}
    cuts = [{"timesteps": step, "units": {EVIL: 5}} for step in (0, 9)]
    return whole_run(
        folder,
        config=config,
        label=None,
        before=after,
        after=after,
        cuts=cuts,
        plain_problem=EVIL,
        **summary,
    )


def test_texts_of_a_run_are_never_code(tmp_path: Path) -> None:
    harmless = Reader(
        page(whole_run(tmp_path / "a"), whole_run(tmp_path / "b", seed=2))
    )
    folder = tmp_path / "<script>alert(1)<"
    found = page(evil(folder), whole_run(tmp_path / "c", label=EVIL))
    assert "<script>alert" not in found
    read = Reader(found)
    assert read.tags.count("script") == harmless.tags.count("script")
    assert EVIL in " ".join(read.texts)


def test_what_a_run_lacks_is_named(tmp_path: Path) -> None:
    nothing = {"before": None, "after": None}
    folder = whole_run(tmp_path / "run", files=(), tests=[], test=nothing)
    text = Reader(page(folder)).text
    for named in (
        "It was not evaluated",
        "There is no model.zip",
        "There is no plain.zip",
        "It has no animation",
        "Its units were not analysed",
    ):
        assert named in text
    assert "mean return" not in text and "Load it" not in text


def test_several_runs_are_put_together(tmp_path: Path) -> None:
    runs = [whole_run(tmp_path / str(seed), seed=seed) for seed in (1, 2)]
    read = Reader(page(*runs))
    assert "ppo magnitude" in read.texts and "2 runs" in read.texts
    assert read.tags.count("svg") == 1 + 2 * (1 + 2)  # Charts, and two layers each.
    assert ("id", "run-1") in read.attributes


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """Seeds of one label, and folders of one name."""
    names = ["a/run", "b/run", "c", "d", "e"]
    labels = [None, None, "mine", "mine", None]
    runs = read_runs(
        whole_run(tmp_path / name, label=label, seed=seed)
        for seed, (name, label) in enumerate(zip(names, labels, strict=True))
    )
    assert [run.name for run in runs] == [
        f"run ({tmp_path / 'a/run'})",
        f"run ({tmp_path / 'b/run'})",
        f"mine ({tmp_path / 'c'})",
        f"mine ({tmp_path / 'd'})",
        "e",
    ]


def test_runs_without_steps_are_not_in_the_chart(tmp_path: Path) -> None:
    cuts = [{"timesteps": 0, "units": units} for units in (WIDTHS, PRUNED)]
    runs = [whole_run(tmp_path / "a"), whole_run(tmp_path / "now", cuts=cuts)]
    told = "Not in the chart, because they have no environment steps: now."
    assert told in Reader(page(*runs)).text


def test_runs_that_cannot_be_compared_are_shown_all_the_same(tmp_path: Path) -> None:
    other = {"env": {"id": "Pendulum-v1", "kwargs": {}}}
    runs = [whole_run(tmp_path / "a"), whole_run(tmp_path / "b", config=other)]
    text = Reader(page(*runs)).text
    assert "The runs are not put together: Returns of different environments" in text
    assert "mean return in Pendulum-v1" in text


def test_pruned_at_once_there_are_no_curves(tmp_path: Path) -> None:
    cuts = [{"timesteps": 0, "units": {"a.0": units}} for units in (9, 3)]
    tests = [evaluation(value, timesteps=0) for value in (5, 4)]
    read = Reader(page(whole_run(tmp_path / "run", cuts=cuts, tests=tests)))
    assert "Learning and widths" not in read.text and "Layer by layer" in read.text


def bad(folder: Path) -> Iterator[tuple[list[Path], str]]:
    good = whole_run(folder / "good")
    unfinished = whole_run(folder / "unfinished")
    (unfinished / "summary.json").unlink()
    yield [], "give at least one run folder"
    yield [good, folder], "is no run folder"
    yield [good, unfinished], "has no summary.json"
    yield [good, folder / "." / "good"], "is there twice"


def test_refused_and_nothing_is_written(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    for runs, message in bad(tmp_path):
        with pytest.raises(ConfigError, match=message):
            write_report(runs, out)
    run = tmp_path / "good"
    with pytest.raises(RunFolderError, match="cannot be created"):
        write_report([run], tmp_path / ("x" * 300 + ".html"))
    with pytest.raises(RunFolderError, match="in a folder that exists"):
        write_report([run], tmp_path / "no" / "x.html")
    with pytest.raises(RunFolderError, match="must be a file"):
        write_report([run], run)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"good", "unfinished"}
