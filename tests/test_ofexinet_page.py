"""Tests for benchmarks/ofexinet/page.py, and for verdicts of sizes and paces."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from made_runs import row, runs_of

from benchmarks.ofexinet import page
from benchmarks.ofexinet import verdicts as method_2
from benchmarks.ofexinet.budget import BUDGETS
from benchmarks.ofexinet.results import Results
from benchmarks.verdicts import Answer, Verdict, Whose

ROWS = [[float(value) for value in range(10, 20)]]


def judged(runs: Results, task: str = "Task", pace: Any = None) -> list[Verdict]:
    return method_2.verdicts({task: runs}, pace)


def with_sizes(runs: Results, name: str, *sizes: float) -> Results:
    for run, size in zip(runs[name], sizes, strict=True):
        run.history[-1]["terms"].update(d=size, t=size)
    return runs


# Tables.


def test_gaps_of_the_first_fifth_are_named_as_left_out() -> None:
    runs = runs_of({"ofe-big": ROWS})
    history: Any = runs["ofe-big"][0].history
    history[0]["feature_gap"] = 0.7
    history[4]["feature_gap"] = 0.2
    table = page.extractor({"Task": runs})
    assert table.columns[-1] == "largest gap after the first fifth of training"
    assert table.rows[0][-1] == "0.200"
    (said,) = (v for v in judged(with_prune(runs)) if v.claim.startswith("Batch"))
    assert said.found == "by at most 20%; over the whole training by at most 70%"


def with_prune(runs: Results) -> Results:
    runs["prune-b"] = runs["ofe-big"]
    return runs


def test_small_losses_have_digits() -> None:
    runs = runs_of({"ofe-big": ROWS})
    runs["ofe-big"][0].history[-1]["aux_loss"] = 3.54e-6  # type: ignore[index]
    assert page.extractor({"Task": runs}).rows[0][2] == "3.54e-06"


def test_sizes_have_the_digits_that_they_were_rounded_to() -> None:
    runs = with_sizes(runs_of({"ofe-big": ROWS}), "ofe-big", 59_180.0)
    text = page.sizes({"Task": runs_with_times(runs)}).markdown()
    assert "| 59.2 | 59.2 |" in text and "do not compare" in text


def runs_with_times(runs: Results) -> Results:
    for each in runs.values():
        each[0].history[-1].update(cpu_seconds=1.0, seconds=2.0)  # type: ignore[attr-defined]
    return runs


def test_sizes_stand_beside_returns_of_the_same_seeds() -> None:
    runs = runs_of({"ofe-big": [[100]] * 2, "prune-b": [[90]] * 3})
    with_sizes(with_sizes(runs, "ofe-big", 100, 100), "prune-b", 10, 20, 90)
    (found,) = page.pairs({"Task": runs}).rows
    assert found[2] == "0, 1" and found[5:7] == ["15.0", "15.0"]
    # Evaluations are those of the same seeds, too.
    runs["ofe-big"].append(replace(runs["ofe-big"][0], seed=9, history=[row(0, 1, {})]))
    assert page.pairs({"Task": runs}).rows[0][-1] == "100 to 100"


def test_the_settings_are_those_of_the_budget() -> None:
    text = page._head(BUDGETS["small"]).replace("\n", " ")
    for said in (
        "two hidden layers of 256 units",
        "the paper's times 1, 2 and 0.3",
        "hidden layers of 128; SAC: no extractor, hidden layers of 128; SAC-Big: none, "
        "512.",
        "the mean of the sizes that Prune-B ends with in seeds 1 and 2",
        "on Hopper-v5, where thetas learn until 85%, only evaluations after that count",
        "falls below 0.1 is removed at once",
    ):
        assert said in text
    assert "only evaluations" not in page._head(BUDGETS["paper"])


# Verdicts.


def test_sizes_beside_sac_are_of_the_seeds_whose_returns_are_shown() -> None:
    runs = runs_of({"ofe-big": [[1]], "prune-b": [[100]] * 2, "sac": [[50]]})
    with_sizes(with_sizes(runs, "prune-b", 2000, 8000), "sac", 5000)
    (found,) = (v for v in judged(runs) if "than SAC" in v.claim)
    assert found.found.startswith("2.0 k and 5.0 k parameters")


def test_one_seed_does_not_show_that_a_size_is_small() -> None:
    runs = runs_of({"ofe-big": [[100]], "prune-b": [[100]] * 2})
    with_sizes(with_sizes(runs, "ofe-big", 100), "prune-b", 0.1, 0.1)
    both = {v.claim: v.answer for v in judged(runs, "Hopper-v5") if "param" in v.claim}
    assert len(both) == 3 and set(both.values()) == {Answer.HOLDS}
    del runs["prune-b"][1]
    one = [v for v in judged(runs, "Hopper-v5") if "param" in v.claim]
    assert [v.answer for v in one] == [Answer.OPEN] * 3
    assert all("one seed" in v.found for v in one)
    with_sizes(runs, "prune-b", 90.0)
    large = [v for v in judged(runs, "Hopper-v5") if "param" in v.claim]
    assert [v.answer for v in large] == [Answer.FAILS] * 3


def paces(*rows: tuple[int, float]) -> dict[str, Any]:
    return {"rows": [["Task", f"prune-b, seed {s}", 1.0, 2.0, str(p)] for s, p in rows]}


def test_a_training_that_was_not_measured_leaves_the_pace_open() -> None:
    runs = runs_of({"ofe-big": [[100]], "prune-b": [[100]] * 2})

    def speed(*rows: tuple[int, float]) -> Verdict:
        every = judged(runs, pace=paces(*rows))
        return next(v for v in every if v.claim == "Pruned networks train faster.")

    assert speed((0, 90.0), (1, 95.0)).answer is Answer.HOLDS
    assert speed((0, 90.0)).answer is Answer.OPEN
    assert speed((0, 90.0)).found.endswith("not measured: Task, prune-b, seed 1")
    assert speed((0, 101.0)).answer is Answer.FAILS


def test_what_the_paper_does_not_say_is_ours() -> None:
    names = ("ofe-big", "prune-b", "ofe", "sac", "small-dense")
    runs = runs_of({name: [[100, 90]] * 2 for name in names})
    ours = judged(runs, "PlanarArm3-v0")
    about = [v for v in ours if v.claim.startswith("PlanarArm3-v0")]
    assert len(about) == 9 and {v.whose for v in about} == {Whose.OURS}
    whose = {v.claim: v.whose for v in judged(runs, "Hopper-v5")}
    papers = [claim for claim, by in whose.items() if by is Whose.PAPER]
    assert not any("every seed" in c or "from scratch" in c for c in papers)
    assert len(papers) == 8
