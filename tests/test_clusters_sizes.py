"""Tests for benchmarks/clusters: sizes, shapes and gradient steps of chains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import pytest

from benchmarks.clusters import figures, page, scratch, sizes, steps, verdicts
from benchmarks.clusters.budget import SMALL
from benchmarks.verdicts import Answer, Verdict


def rounds(*units: int, passed: bool = True) -> list[dict[str, Any]]:
    """Return the rounds of a chain; the last layer has a unit more than the first."""
    return [
        {
            "units": {"a": size // 2, "b": size - size // 2 + 1},
            "passed": passed,
            "success": 0.9,
            "merged_success": 0.9,
            "gradient_steps": 0,
            "fresh_success": 0.9,
        }
        for size in units
    ]


def test_sizes_of_the_first_step_are_compared() -> None:
    claim = "Nets of 128, 256 and 512 reach one size in the first step (tau 0.2)."

    def judged(*found: int) -> Answer:
        groups = {
            (3, width, "layer", 0.2, 3): [rounds(999, size, size, size)]
            for width, size in zip((128, 256, 512), found, strict=False)
        }
        (one,) = (v for v in sizes.of_rounds(groups) if v.claim == claim)
        return one.answer

    assert judged(100, 105, 109) is Answer.HOLDS
    assert judged(100, 105, 120) is Answer.FAILS
    assert judged(100, 105) is Answer.OPEN
    assert judged(100, 120) is Answer.FAILS


def test_a_chain_that_does_not_pass_fails_the_claim() -> None:
    claim = "Pruned agents still pass (tau 0.2)."
    good, bad = rounds(9, 8, 7, 6), rounds(9, 8, passed=False)
    for runs, expected in (([good], Answer.HOLDS), ([good, bad], Answer.FAILS)):
        groups = {(3, 48, "layer", 0.2, 3): runs}
        (found,) = (v for v in sizes.of_rounds(groups) if v.claim == claim)
        assert found.answer is expected


def test_chains_none_of_which_passes_can_be_judged() -> None:
    groups = {(3, 48, "layer", 0.4, 3): [rounds(9, 8, passed=False)]}
    (found,) = (v for v in sizes.of_rounds(groups) if "still pass" in v.claim)
    assert (found.answer, found.found) == (Answer.FAILS, "0 of 1")


def test_a_width_of_which_no_chain_passes_leaves_all_widths_open() -> None:
    good, bad = rounds(999, 400, 300, 290), rounds(999, 400, passed=False)
    groups = {(3, w, "layer", 0.2, 3): [r] for w, r in ((32, good), (48, bad))}
    every = [v for v in sizes.of_rounds(groups) if "at every width" in v.rule]
    assert len(every) == 3 and {v.answer for v in every} == {Answer.OPEN}
    assert all("no chain of 48 x 6 passes" in v.found for v in every)


def test_success_that_falls_early_is_not_what_the_paper_says() -> None:
    def judged(*after: float) -> list[Answer]:
        taus = (0.0, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4)
        groups = {
            (3, 48, "layer", t, 1): [rounds(99, 99 - round(99 * t))] for t in taus
        }
        for tau, success in zip((0.05, 0.1, 0.2), after, strict=True):
            groups[3, 48, "layer", tau, 1][0][1]["merged_success"] = success
        found = list(verdicts.of_sweep(groups, 48, 1))
        return [v.answer for v in found if "success" in v.claim]

    assert judged(0.9, 0.85, 0.1) == [Answer.HOLDS, Answer.HOLDS]
    assert judged(0.9, 0.4, 0.3) == [Answer.FAILS, Answer.FAILS]


def test_sizes_and_shapes_are_judged_width_by_width() -> None:
    def judged(width: int, *units: int) -> dict[str, Answer]:
        groups = {(3, width, "layer", 0.2, 3): [rounds(*units)]}
        return {v.claim: v.answer for v in sizes.of_rounds(groups)}

    large, small = judged(128, 999, 400, 300, 290), judged(32, 999, 600, 300, 200)
    first, then = "The first step is the most dominant (tau 0.2).", "Then the size"
    assert (large[first], small[first]) == (Answer.HOLDS, Answer.FAILS)
    plateau = f"{then} plateaus (tau 0.2)."
    assert (large[plateau], small[plateau]) == (Answer.HOLDS, Answer.FAILS)
    (hourglass,) = (a for claim, a in large.items() if "hourglass" in claim)
    assert hourglass is Answer.HOLDS and not any("hourglass" in c for c in small)
    assert small["Nets of 32 and 48 taper with depth (tau 0.2)."] is Answer.FAILS


def shaped(*units: int) -> list[dict[str, Any]]:
    """Return the rounds of a chain whose layers end with these units."""
    first, done = rounds(999, 0)
    return [first, *[done | {"units": dict(enumerate(units))}] * 3]


def test_a_layer_that_is_a_little_wider_in_the_mean_does_not_taper() -> None:
    def taper(*chains: list[dict[str, Any]]) -> Verdict:
        every = sizes.of_rounds({(3, 32, "layer", 0.2, 3): chains})
        return next(v for v in every if "taper" in v.claim)

    slightly = taper(shaped(29, 30, 9), shaped(29, 29, 9), shaped(29, 29, 8))
    assert slightly.answer is Answer.FAILS  # 29.0, 29.3 and 8.7 units.
    assert slightly.found.endswith("29.0 29.3 8.7, 1 of 3 agents widen somewhere")
    assert taper(shaped(29, 29, 9)).answer is Answer.HOLDS


# Gradient steps.


def test_agents_that_were_given_up_are_in_no_mean() -> None:
    tries = [(True, 100.0), (True, 300.0), (False, 999.0), (False, 998.0)]
    assert steps.mean(tries) == 200
    assert steps.text(tries) == "200 (100-300), 2 given up after 998 to 999"
    assert steps.text(tries[:3], among=9) == "200 (100-300) of 2, 1 given up after 999"
    assert steps.text(tries[:2], among=2) == "200 (100-300)"
    assert steps.text(tries[2:3], "{:,.1f}") == "none passed, 1 given up after 999.0"


def test_the_table_of_rounds_says_of_which_chains_it_is(tmp_path: Path) -> None:
    runs = [rounds(9, 8, 7, 6), rounds(9, 6, passed=False)]
    runs[0][1]["gradient_steps"], runs[1][1]["gradient_steps"] = 50, 70
    assert page._over_rounds(runs, page.total) == "8 (7-9), 8 (8-8) of 1, 7 (7-7) of 1"
    assert page._steps(runs) == (
        "50 (50-50) of 1, 1 given up after 70; 0 (0-0) of 1; 0 (0-0) of 1"
    )
    columns = page.rounds(SMALL, tmp_path).columns
    assert [name.partition(" (")[2] for name in columns[3:]] == [
        "every chain that reached the round)",
        "chains that passed every round)",
        "chains that passed the round)",
        "chains that passed every round)",
    ]


def sweep(**more: Any) -> dict[Any, list[list[dict[str, Any]]]]:
    taus = (0.0, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4)
    found = {(3, 48, "layer", t, 1): [rounds(99, 99 - round(99 * t))] for t in taus}
    found[3, 48, "layer", 0.4, 1][0][1].update(more)
    return found


def retraining(groups: Any) -> Verdict:
    every = verdicts.of_sweep(groups, 48, 100.0)
    return next(v for v in every if v.claim.startswith("Retraining"))


def test_retraining_that_never_passes_decides_nothing_about_its_cost() -> None:
    assert retraining(sweep(gradient_steps=200)).answer is Answer.HOLDS
    open_ = retraining(sweep(gradient_steps=200, passed=False))
    assert open_.answer is Answer.OPEN and "given up after 200" in open_.found
    groups = sweep(gradient_steps=200)
    lost = rounds(99, 80)
    lost[1].update(passed=False, gradient_steps=5)
    groups[3, 48, "layer", 0.1, 1].append(lost)
    assert retraining(groups).answer is Answer.FAILS
    groups = sweep(gradient_steps=90)
    lost = rounds(99, 60)
    lost[1].update(passed=False, gradient_steps=900)
    groups[3, 48, "layer", 0.4, 1].append(lost)
    assert retraining(groups).answer is Answer.FAILS  # 90 of those that passed.


def test_columns_of_the_table_from_scratch_have_names_of_their_own() -> None:
    columns = scratch.table(SMALL).columns
    assert len(set(columns)) == len(columns)
    assert all(name.startswith(("pruned: ", "from scratch: ")) for name in columns[2:])


def test_the_figure_of_the_sweep_marks_agents_that_were_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[matplotlib.figure.Figure] = []
    monkeypatch.setattr(figures, "save", lambda figure, _: drawn.append(figure))
    chain = rounds(99, 60)
    chain[1].update(passed=False, gradient_steps=900)
    figures.by_threshold({0.4: [chain, rounds(99, 50)]}, 48, tmp_path / "a.png")
    lines = drawn[0].axes[2].lines
    crosses = [line.get_ydata() for line in lines if line.get_marker() == "x"]
    assert [list(each) for each in crosses] == [[900]]
    mean = next(line for line in lines if line.get_linestyle() == "-")
    assert list(mean.get_ydata()) == [0]
