"""Verdicts about Feldotto et al. 2022, judged from the kept results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks.clusters.figures import Rounds, total
from benchmarks.verdicts import Verdict, answer

LINEAR, NEAR, SAME, HALF = 0.98, 0.04, 0.1, 0.5
QUARTER = 0.25
PAPER_SHAPE = (51.6, 21, 15.9, 12.6, 10.2, 16.7)
"""Units per layer with which the paper's widths 256 and 512 end: 128 in all."""
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
        training: Mean number of gradient steps to train them.
    """
    sweep = sweep_of(groups, width)
    if not {0.0, 0.1, 0.25, 0.4} <= sweep.keys():
        return
    taus = [tau for tau in sweep if tau >= 0.05]
    sizes = [np.mean([total(r[1]) for r in sweep[tau]]) for tau in taus]
    squared = float(np.corrcoef(taus, sizes)[0, 1] ** 2)
    yield Verdict(
        claim="Size after one merge is nearly linear in tau.",
        rule=f"from tau 0.05 on, a line explains {LINEAR:.0%} of the variance of means",
        found=f"{squared:.1%}",
        answer=answer(squared >= LINEAR),
    )
    before, after = (
        np.mean([r[i][key] for r in sweep[0.1]])
        for i, key in ((0, "success"), (1, "merged_success"))
    )
    yield Verdict(
        claim="Success falls early.",
        rule="at tau 0.1, right after one merge, at most half of the success before",
        found=f"{after:.2f} of {before:.2f}",
        answer=answer(after <= HALF * before),
    )
    steps = {
        tau: np.mean([r[1]["gradient_steps"] for r in sweep[tau]]) for tau in sweep
    }
    early = max(value for tau, value in steps.items() if tau <= QUARTER)
    yield Verdict(
        claim="Retraining costs little until tau 0.2 to 0.3, then much.",
        rule="up to tau 0.25 at most a quarter of the gradient steps of training, at "
        "0.4 more than training",
        found=f"{early:,.0f} at most, and {steps[0.4]:,.0f}; training {training:,.0f}",
        answer=answer(early <= QUARTER * training < training < steps[0.4]),
    )
    moved = [abs(r[1]["merged_success"] - r[0]["success"]) for r in sweep[0.0]]
    yield Verdict(
        claim="tau = 0 only merges silent units and changes nothing.",
        rule=f"each agent's success moves by at most {NEAR:g}, two standard errors "
        "between two tests of 300 episodes",
        found=f"by at most {max(moved):.3f}",
        answer=answer(max(moved) <= NEAR),
    )


def of_rounds(groups: Groups) -> Iterator[Verdict]:
    """Judge sizes and shapes over rounds, and whether pruned agents pass."""
    for tau in (0.2, 0.4):
        yield from _first_step(groups, tau)
    last = {
        (width, reading, tau): [r for r in runs if _is_whole(r, count)]
        for (joints, width, reading, tau, count), runs in groups.items()
        if joints == 3 and count > 1
    }
    for width in (256, 512):
        yield from _paper_size(width, last)
    shapes = [list(r[-1]["units"].values()) for runs in last.values() for r in runs]
    if shapes:
        wider = sum(shape[-1] > shape[-2] for shape in shapes)
        yield Verdict(
            claim="Pruned nets are an hourglass: the last layer is wider again.",
            rule="in most pruned agents the last layer has more units than the one "
            "before",
            found=f"{wider} of {len(shapes)} agents",
            answer=answer(wider > HALF * len(shapes)),
        )
    for tau in (0.2, 0.4):
        yield from _passes(groups, tau)


def _is_whole(rounds: Rounds, count: int) -> bool:
    return len(rounds) == count + 1 and bool(rounds[-1]["passed"])


def _first_step(groups: Groups, tau: float) -> Iterator[Verdict]:
    sizes = {}
    for width in (128, 256, 512):
        runs = [
            r
            for (joints, w, reading, t, count), every in groups.items()
            if (joints, w, reading, t) == (3, width, "layer", tau) and count > 1
            for r in every
            if len(r) > 1
        ]
        if runs:
            sizes[width] = float(np.mean([total(r[1]) for r in runs]))
    if len(sizes) > 1:
        yield Verdict(
            claim=f"Nets of 128, 256 and 512 reach one size in the first step (tau "
            f"{tau:g}).",
            rule=f"the largest mean is at most {SAME:.0%} above the smallest; not "
            "decidable without all three, unless it is",
            found=", ".join(f"{w} x 6: {size:.0f}" for w, size in sizes.items()),
            answer=answer(
                max(sizes.values()) <= (1 + SAME) * min(sizes.values()),
                decidable=len(sizes) == 3
                or max(sizes.values()) > (1 + SAME) * min(sizes.values()),
            ),
        )


def _paper_size(
    width: int, last: Mapping[tuple[int, str, float], Sequence[Rounds]]
) -> Iterator[Verdict]:
    found = {
        f"{reading} {tau:g}": float(np.mean([total(r[-1]) for r in runs]))
        for (w, reading, tau), runs in last.items()
        if w == width and runs
    }
    if found:
        aim = sum(PAPER_SHAPE)
        yield Verdict(
            claim=f"{width} x 6 ends at {PAPER_SHAPE}, {aim:.0f} units in all.",
            rule="by some reading of the threshold, the mean is within 10 % of that",
            found=", ".join(f"{name}: {size:.0f}" for name, size in found.items()),
            answer=answer(
                any(abs(size - aim) <= SAME * aim for size in found.values())
            ),
        )


def _passes(groups: Groups, tau: float) -> Iterator[Verdict]:
    runs = [
        (r, count)
        for (_, _, _, t, count), every in groups.items()
        if t == tau and count > 1
        for r in every
    ]
    if runs:
        passed = sum(_is_whole(*each) for each in runs)
        fresh = [r[-1]["fresh_success"] for r, n in runs if _is_whole(r, n)]
        yield Verdict(
            claim=f"Pruned agents still pass (tau {tau:g}).",
            rule="every chain, of every width, passes after every round",
            found=f"{passed} of {len(runs)}; those that do succeed in "
            f"{min(fresh):.1%} to {max(fresh):.1%} of 1,000 fresh episodes",
            answer=answer(passed == len(runs)),
        )
