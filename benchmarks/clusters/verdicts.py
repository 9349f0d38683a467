"""Verdicts about one merge in Feldotto et al. 2022, judged from the kept results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks.clusters import steps
from benchmarks.clusters.figures import Rounds, mean_size
from benchmarks.verdicts import Verdict, Whose, answer

LINEAR, NEAR, HALF = 0.98, 0.04, 0.5
EARLY, STRONG = 0.1, 0.9
QUARTER = 0.25
Groups = Mapping[tuple[int, int, str, float, int], Sequence[Rounds]]
"""(joints, width, reading, tau, rounds) -> rounds of every agent."""


def sweep_of(groups: Groups, width: int) -> dict[float, list[Rounds]]:
    """Return tau -> the rounds of every agent that was merged once."""
    found = {
        tau: [rounds for rounds in runs if len(rounds) > 1]
        for (joints, w, reading, tau, count), runs in groups.items()
        if (joints, w, reading, count) == (3, width, "layer", 1)
    }
    return dict(sorted((tau, runs) for tau, runs in found.items() if runs))


def of_sweep(groups: Groups, width: int, training: float) -> Iterator[Verdict]:
    """Judge what one merge does, by threshold.

    Args:
        groups: The rounds of all cases.
        width: Width of the agents of the sweep.
        training: Mean number of gradient steps until they passed in training.
    """
    sweep = sweep_of(groups, width)
    if not {0.0, 0.1, 0.2, 0.25, 0.3, 0.4} <= sweep.keys():
        return
    taus = [tau for tau in sweep if tau >= 0.05]
    sizes = [mean_size(sweep[tau], 1) for tau in taus]
    squared = float(np.corrcoef(taus, sizes)[0, 1] ** 2)
    yield Verdict(
        claim="Size after one merge is nearly linear in tau.",
        whose=Whose.PAPER,
        rule="a straight line through the mean sizes from tau 0.05 on has R² of at "
        f"least {LINEAR:.0%}",
        found=f"{squared:.1%}",
        answer=answer(squared >= LINEAR),
    )
    yield from _success(sweep)
    yield _retraining({tau: tries(runs, 1) for tau, runs in sweep.items()}, training)
    moved = [abs(r[1]["merged_success"] - r[0]["success"]) for r in sweep[0.0]]
    yield Verdict(
        claim="tau = 0 only merges silent units and changes nothing.",
        whose=Whose.PAPER,
        rule=f"no agent's success rate changes by more than {NEAR:g} (twice the "
        "standard error of the difference of two tests of 300 episodes)",
        found=f"by at most {max(moved):.3f}; {mean_size(sweep[0.0], 1):.0f} of "
        f"{mean_size(sweep[0.0], 0):.0f} units stay",
        answer=answer(max(moved) <= NEAR),
    )


def tries(runs: Sequence[Rounds], number: int) -> steps.Tries:
    """Return the gradient steps in a round of all agents that reached it."""
    reached = [rounds[number] for rounds in runs if len(rounds) > number]
    return [(bool(done["passed"]), done["gradient_steps"]) for done in reached]


def _retraining(found: Mapping[float, steps.Tries], training: float) -> Verdict:
    """Judge what retraining costs; at no tau does an agent count that gave up."""
    means = {tau: steps.mean(each) for tau, each in found.items()}
    early = [tau for tau in found if tau <= QUARTER]
    cheap = all(
        means[tau] <= QUARTER * training and not steps.given_up(found[tau])
        for tau in early
    )
    shown = {t: f"{m:,.0f}" if np.isfinite(m) else "none" for t, m in means.items()}
    listed = "; ".join(
        f"{shown[tau]} at {tau:g}{steps.rest(found[tau], '{:,.0f}')}"
        for tau in (0.1, 0.2, 0.25, 0.3, 0.4)
    )
    return Verdict(
        claim="Retraining costs little until tau 0.2 to 0.3, then much.",
        whose=Whose.PAPER,
        rule="up to tau 0.25 every agent passes again, in the mean after at most a "
        "quarter of the gradient steps of training; at 0.4 those that pass again take "
        "more than training, in the mean; not decidable if none does",
        found=f"{listed}; training {training:,.0f}",
        answer=answer(
            cheap and means[0.4] > training,
            decidable=not cheap or bool(steps.of_passed(found[0.4])),
        ),
    )


def _success(sweep: Mapping[float, Sequence[Rounds]]) -> Iterator[Verdict]:
    """Judge success right after one merge."""
    before = {t: np.mean([r[0]["success"] for r in runs]) for t, runs in sweep.items()}
    after = {
        t: np.mean([r[1]["merged_success"] for r in runs]) for t, runs in sweep.items()
    }
    early = [tau for tau in sweep if 0 < tau <= EARLY]
    yield Verdict(
        claim=f"Up to tau {EARLY:g}, merging has no strong effect on success.",
        whose=Whose.PAPER,
        rule=f"right after one merge, at least {STRONG:.0%} of the success before",
        found=", ".join(f"tau {t:g}: {after[t]:.2f} of {before[t]:.2f}" for t in early),
        answer=answer(all(after[t] >= STRONG * before[t] for t in early)),
    )
    yield Verdict(
        claim=f"From tau {EARLY:g} to 0.22, success falls significantly.",
        whose=Whose.PAPER,
        rule=f"at tau 0.2, right after one merge, at most half of that at {EARLY:g}",
        found=f"{after[0.2]:.2f} and {after[EARLY]:.2f}",
        answer=answer(after[0.2] <= HALF * after[EARLY]),
    )
