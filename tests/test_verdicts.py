"""Tests for benchmarks/verdicts.py, and for the rules that use it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from made_runs import row, runs_of

from benchmarks import verdicts
from benchmarks.ofexinet import returns
from benchmarks.ofexinet import verdicts as method_2
from benchmarks.ofexinet.budget import BUDGETS, VARIANTS, Budget
from benchmarks.ofexinet.results import Results, Run, scored_from
from benchmarks.ofexinet.running import read
from benchmarks.verdicts import (
    Answer,
    Verdict,
    Whose,
    answer,
    interval,
    of_all,
    reaches,
)

SMALL = BUDGETS["small"]


@pytest.mark.parametrize(
    ("holds", "decidable", "expected"),
    [
        (True, True, Answer.HOLDS),
        (False, True, Answer.FAILS),
        (True, False, Answer.OPEN),
        (False, False, Answer.OPEN),
    ],
)
def test_what_cannot_be_decided_neither_holds_nor_fails(
    holds: bool, decidable: bool, expected: Answer
) -> None:
    assert answer(holds, decidable=decidable) is expected


def test_every_row_names_its_rule_and_whose_statement_it_is() -> None:
    one = Verdict(claim="A", whose=Whose.OURS, rule="B", found="C", answer=Answer.HOLDS)
    text = verdicts.markdown("T", [one])
    assert "| statement | whose | judged by | we find | verdict |" in text
    assert "| A | ours | B | C | holds |" in text


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.867, 1.044, 1.078], Answer.OPEN),  # 0.71 to 1.28.
        ([0.99, 1.0, 1.01], Answer.HOLDS),
        ([0.80, 0.81, 0.82], Answer.FAILS),
        ([1.5], Answer.OPEN),
        ([float("nan"), 1.5], Answer.OPEN),
    ],
)
def test_a_mean_reaches_a_bar_if_its_interval_does(
    values: list[float], expected: Answer
) -> None:
    assert reaches(values, 0.95) is expected


def test_an_interval_is_students() -> None:
    assert interval([0.867, 1.044, 1.078]) == pytest.approx((0.7147, 1.2779), abs=1e-3)
    assert interval([1.0]) == (-float("inf"), float("inf"))


def test_a_rule_of_several_things_fails_by_one_of_them() -> None:
    assert of_all([Answer.HOLDS, Answer.HOLDS]) is Answer.HOLDS
    assert of_all([Answer.HOLDS, Answer.OPEN]) is Answer.OPEN
    assert of_all([Answer.FAILS, Answer.OPEN]) is Answer.FAILS


# Method 2.


def answers(runs: Results) -> dict[str, Answer]:
    found = method_2.verdicts({"Task": runs}, None)
    return {v.claim.removeprefix("Task: "): v.answer for v in found}


def test_an_average_may_hold_where_a_seed_does_not() -> None:
    ours = [[94, 85], [100, 90], [100, 90], [100, 90], [101, 91]]
    found = answers(runs_of({"ofe-big": [[100, 90]] * 5, "prune-b": ours}))
    text = "Prune-B keeps OFE-Big's return,"
    assert found[f"{text} on average."] is Answer.HOLDS
    assert found[f"{text} in every seed."] is Answer.FAILS


def test_an_average_of_seeds_that_differ_decides_nothing() -> None:
    big = [[100, 90], [100, 90]]
    found = answers(runs_of({"ofe-big": big, "prune-b": [[80, 80], [120, 110]]}))
    assert found["Prune-B keeps OFE-Big's return, on average."] is Answer.OPEN


def test_swinging_agents_decide_nothing() -> None:
    found = answers(runs_of({"ofe-big": [[100, 40]], "prune-b": [[100, 100]]}))
    assert found["Prune-B keeps OFE-Big's return, on average."] is Answer.OPEN


def test_only_equal_seeds_are_compared() -> None:
    runs = runs_of({"ofe-big": [[100]], "prune-b": [[100], [500]]})
    assert returns.shares(runs, lambda run: run.score) == [1.0]


def test_one_seed_of_the_others_shows_no_advantage() -> None:
    many: dict[str, Any] = {"ofe-big": [[100, 90]] * 2, "prune-b": [[100, 90]]}
    claim = "wide features help."
    assert answers(runs_of({**many, "sac": [[50]]}))[claim] is Answer.OPEN
    assert answers(runs_of({**many, "sac": [[50], [60]]}))[claim] is Answer.HOLDS
    assert answers(runs_of({**many, "sac": [[99]]}))[claim] is Answer.FAILS
    single = {"ofe-big": [[100]], "prune-b": [[100]], "sac": [[50], [60]]}
    assert answers(runs_of(single))[claim] is Answer.OPEN
    less = {"ofe-big": [[-50], [-60]], "prune-b": [[-50]], "sac": [[-58], [-59]]}
    assert answers(runs_of(less))[claim] is Answer.OPEN


def test_plain_ofe_and_sac_are_other_measures_than_the_big_one() -> None:
    many: dict[str, Any] = {"ofe-big": [[1.0]], "prune-b": [[100], [100]]}
    runs = runs_of({**many, "ofe": [[90], [90]], "sac": [[80], [85]]})
    ofe, sac = (
        "Prune-B keeps 95.0% of plain OFE's return.",
        "Prune-B is deployed smaller than SAC, and returns much more.",
    )
    assert answers(runs)[ofe] is Answer.HOLDS
    assert answers(runs)[sac] is Answer.FAILS  # It is as large as SAC.
    for run in runs["sac"]:
        run.history[0]["terms"]["d"] = 6.0
    assert answers(runs)[sac] is Answer.HOLDS
    del runs["sac"][1]
    assert answers(runs)[sac] is Answer.OPEN  # One seed does not show it of every seed.
    single = answers(runs_of({**many, "ofe": [[90]], "sac": [[99]]}))
    assert single[ofe] is Answer.OPEN and single[sac] is Answer.FAILS
    assert answers(runs_of({**many, "ofe": [[120]]}))[ofe] is Answer.FAILS


def test_less_than_half_of_ofe_is_asked_for_both_sizes() -> None:
    runs = runs_of({"ofe-big": [[1.0]], "prune-b": [[1.0], [1.0]]})
    half = "less than half of plain OFE's parameters"
    for run in runs["prune-b"]:
        run.history[0]["terms"].update(d=4.0, t=6.0)
    found = answers(runs)
    assert found[f"Prune-B is deployed with {half}."] is Answer.HOLDS
    assert found[f"Prune-B has {half} left to train."] is Answer.FAILS


def test_a_branch_that_loses_nothing_is_not_pruned() -> None:
    both = {"ofe-big": [[1.0]], "prune-b": [[1.0], [1.0]]}
    runs = runs_of(both, {"ofe.phi_o.0": 8, "ofe.phi_oa.0": 8})
    claim = "phi_o is pruned heavily, phi_oa less, but too."
    for oa, expected in ((8, Answer.FAILS), (6, Answer.HOLDS), (3, Answer.FAILS)):
        left = {"ofe.phi_o.0": 3, "ofe.phi_oa.0": oa}
        for run in runs["prune-b"]:
            run.history[0]["units"] = left  # type: ignore[index]
        assert answers(runs)[claim] is expected
    left["ofe.phi_oa.0"] = 6
    del runs["prune-b"][1]
    assert answers(runs)[claim] is Answer.OPEN


def test_drawing_and_size_are_told_apart() -> None:
    names = ("ofe-big", "prune-b", "prune-b-deployed", "cut-b", "drawn-b")
    both = [[100, 99]] * 2
    runs = runs_of(dict.fromkeys(names, both) | {"drawn-b": [[50, 50]] * 2})
    size, drawing = returns.costs(runs)
    assert (size.claim, drawing.claim) == (
        "Size costs return.",
        "Drawing costs return.",
    )
    assert (size.answer, drawing.answer) == (Answer.FAILS, Answer.HOLDS)
    text = "cut-b 100%, drawn-b 50%, prune-b 100%, prune-b-deployed 100% (2 seeds)"
    assert size.found == drawing.found == text
    # Means are of the seeds that all have; of one, numbers are shown and nothing said.
    del runs["cut-b"][1]
    runs["ofe-big"][1] = replace(runs["ofe-big"][1], history=[row(0, 900, None)])
    for verdict in returns.costs(runs):
        assert verdict.answer is Answer.OPEN
        assert verdict.found == text.replace("2 seeds", "one seed")
    del runs["cut-b"][0]
    assert returns.costs(runs) == []


def test_one_seed_shows_nothing_of_every_seed() -> None:
    def judged(value: float) -> list[tuple[Answer, str]]:
        found = method_2.verdicts(
            {"Task": runs_of({"ofe-big": [[100, 90]], "prune-b": [[value, value]]})},
            None,
        )
        return [(v.answer, v.found) for v in found if "keeps OFE-Big's" in v.claim]

    (average, text), (every, _) = judged(120)
    assert average is every is Answer.OPEN and "best 120.0% (one seed)" in text
    (average, _), (every, _) = judged(50)
    assert average is Answer.OPEN and every is Answer.FAILS  # It refutes "every".


def test_there_is_no_share_of_a_return_that_is_not_positive() -> None:
    names = ("ofe", "sac", "small-dense", "cut-b", "drawn-b", "prune-b-deployed")
    worse = {"ofe-big": [[-100, -110]] * 3, "prune-b": [[-300, -330]] * 3}
    runs = runs_of({**worse, **{name: [[-280, -290]] * 3 for name in names}})
    for run in runs["prune-b"]:
        for each in run.history:
            each["terms"]["d"] = 1.0
    found = [*method_2.verdicts({"Task": runs}, None), *returns.costs(runs)]
    about = [v for v in found if "parameters" not in v.claim and "phi_o" not in v.claim]
    said = {v.claim: v.answer for v in about if "return" in v.rule or "mean" in v.rule}
    assert len(said) == 8 and set(said.values()) == {Answer.OPEN}
    shown = [v.found for v in found if "best" in v.found or "cut-b" in v.found]
    assert not any("%" in text or "nan" in text for text in shown)


def test_agents_without_a_common_seed_are_not_compared() -> None:
    runs = runs_of({"ofe-big": [[100]], "prune-b": [[100]], "sac": [[1]]})
    runs["prune-b"][0] = replace(runs["prune-b"][0], seed=7)
    assert not any("Prune-B keeps" in claim for claim in answers(runs))
    assert not any("returns much more" in claim for claim in answers(runs))


def test_nobody_is_scored_while_gates_draw() -> None:
    task = SMALL.tasks[0]
    assert scored_from(SMALL, task) == 0.8
    assert scored_from(SMALL, replace(task, phases=(0.7, 0.85))) == 0.85
    history = [row(i, i, None) for i in range(20)]
    run = Run(seed=0, since=0.8, end=0.2, history=history)
    assert run.late == [15, 16, 17, 18, 19] and run.score == 19 and run.mean == 17
    # At 17 of 20 steps thetas are not rounded yet.
    assert replace(run, since=0.85, end=0.85).late == [17, 18, 19]


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
def test_the_evaluation_before_thetas_are_rounded_does_not_count(
    budget: Budget,
) -> None:
    for task in budget.tasks:
        own, every = budget.in_task(task), budget.spacing(task)
        steps = range(every, task.steps + 1, every)
        history = [{"timesteps": at, "return": float(at)} for at in steps]
        since = scored_from(budget, task)
        found = Run(seed=0, since=since, end=own.end, history=history).late
        assert min(found) > own.end * task.steps


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
def test_agents_that_count_have_whole_parameters(budget: Budget) -> None:
    for task, variant, seed in product(budget.tasks, VARIANTS, budget.seeds):
        if variant.preset and (found := read(budget, task, variant, seed)):
            ends = {"since": scored_from(budget, task), "end": budget.in_task(task).end}
            rows = Run(seed=seed, **ends, **found).late_rows
            assert all(v.is_integer() for row in rows for v in row["terms"].values())


def test_the_budget_paper_is_the_papers() -> None:
    paper = BUDGETS["paper"]
    for task in paper.tasks:
        assert paper.in_task(task).begin * task.steps == 200_000
        assert paper.spacing(task) == 10_000
        assert task.predicted is None
