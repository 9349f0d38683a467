"""Sizes: verdicts about sizes and shapes over rounds of merging and retraining."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks.clusters.figures import Rounds, mean_size
from benchmarks.clusters.verdicts import Groups
from benchmarks.verdicts import Verdict, Whose, answer

SAME, HALF = 0.1, 0.5
NEEDED = "; not decidable if no chain of a width passes every round"
LARGE = 128
"""Smallest width of the nets that the paper calls big."""
PAPER_SHAPE = (51.6, 21, 15.9, 12.6, 10.2, 16.7)
"""Units per layer with which the paper's widths 256 and 512 end: 128 in all."""
Last = Mapping[tuple[int, str, float], Sequence[Rounds]]
"""(width, reading, tau) -> the chains of three joints that passed every round."""


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
    yield from _plateau(groups)
    yield from _hourglass(last)
    for tau in (0.2, 0.4):
        yield from _taper(last, tau)
        yield from _passes(groups, tau)


def _plateau(groups: Groups) -> Iterator[Verdict]:
    """Judge how much of what goes the first step removes, and what the last one does.

    It is for the paper's threshold of 0.2.
    """
    every = {
        width: [r for r in runs if _is_whole(r, count)]
        for (joints, width, reading, tau, count), runs in sorted(groups.items())
        if (joints, reading, tau) == (3, "layer", 0.2) and count > 1
    }
    found = {
        width: [mean_size(whole, after) for after in (0, 1, -2, -1)]
        for width, whole in every.items()
        if whole
    }
    if not every:
        return
    gone = [width for width in every if width not in found]
    first = {w: (s[0] - s[1]) / (s[0] - s[3]) for w, s in found.items()}
    last = {w: (s[2] - s[3]) / s[2] for w, s in found.items()}
    yield Verdict(
        claim="The first step is the most dominant (tau 0.2).",
        whose=Whose.PAPER,
        rule=f"at every width it removes more units than the later steps "
        f"together{NEEDED}",
        found=_by_width(first, gone) + " of all that go",
        answer=answer(all(s > HALF for s in first.values()), decidable=not gone),
    )
    yield Verdict(
        claim="Then the size plateaus (tau 0.2).",
        whose=Whose.PAPER,
        rule=f"at every width the last step removes at most {SAME:.0%} of the units"
        f"{NEEDED}",
        found=_by_width(last, gone),
        answer=answer(all(s <= SAME for s in last.values()), decidable=not gone),
    )


def _by_width(shares: Mapping[int, float], gone: Sequence[int]) -> str:
    missing = [f"no chain of {width} x 6 passes" for width in gone]
    shown = [f"{width} x 6: {share:.0%}" for width, share in shares.items()]
    return ", ".join([*missing, *shown])


def _hourglass(last: Last) -> Iterator[Verdict]:
    shapes = [
        list(r[-1]["units"].values())
        for (width, _, _), runs in last.items()
        if width >= LARGE
        for r in runs
    ]
    if shapes:
        wider = sum(shape[-1] > shape[-2] for shape in shapes)
        yield Verdict(
            claim="Nets of 128, 256 and 512 become an hourglass: the last layer is "
            "wider again.",
            whose=Whose.PAPER,
            rule="in most pruned agents the last layer has more units than the one "
            "before",
            found=f"{wider} of {len(shapes)} agents",
            answer=answer(wider > HALF * len(shapes)),
        )


def _taper(last: Last, tau: float) -> Iterator[Verdict]:
    every = {
        width: runs
        for (width, reading, t), runs in sorted(last.items())
        if (reading, t) == ("layer", tau) and width < LARGE
    }
    shapes = {
        width: np.array([list(r[-1]["units"].values()) for r in runs])
        for width, runs in every.items()
        if runs
    }
    gone = [f"no chain of {width} x 6 passes" for width in every if width not in shapes]
    if every:
        yield Verdict(
            claim=f"Nets of 32 and 48 taper with depth (tau {tau:g}).",
            whose=Whose.PAPER,
            rule="at every width, in the mean over agents and without rounding, no "
            f"layer has more units than the one before{NEEDED}",
            found="; ".join([*gone, *(_shape(*each) for each in shapes.items())]),
            answer=answer(
                not any(_widens(each.mean(axis=0)) for each in shapes.values()),
                decidable=not gone,
            ),
        )


def _widens(shape: np.ndarray) -> bool:
    """Tell whether a layer has more units than the one before."""
    return bool((np.diff(shape) > 0).any())


def _shape(width: int, shapes: np.ndarray) -> str:
    """Return the mean of shapes, (agents, layers), and how many agents widen."""
    mean = " ".join(f"{units:.1f}" for units in shapes.mean(axis=0))
    wider = sum(map(_widens, shapes))
    return f"{width} x 6: {mean}, {wider} of {len(shapes)} agents widen somewhere"


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
            sizes[width] = mean_size(runs, 1)
    if len(sizes) > 1:
        yield Verdict(
            claim=f"Nets of 128, 256 and 512 reach one size in the first step (tau "
            f"{tau:g}).",
            whose=Whose.PAPER,
            rule=f"the largest mean is at most {SAME:.0%} above the smallest; if a "
            "width is missing, only a larger difference decides",
            found=", ".join(f"{w} x 6: {size:.0f}" for w, size in sizes.items()),
            answer=answer(
                max(sizes.values()) <= (1 + SAME) * min(sizes.values()),
                decidable=len(sizes) == 3
                or max(sizes.values()) > (1 + SAME) * min(sizes.values()),
            ),
        )


def _paper_size(width: int, last: Last) -> Iterator[Verdict]:
    found = {
        f"{reading} {tau:g}": mean_size(runs, -1)
        for (w, reading, tau), runs in last.items()
        if w == width and runs
    }
    if found:
        aim = sum(PAPER_SHAPE)
        yield Verdict(
            claim=f"{width} x 6 ends at {PAPER_SHAPE}, {aim:.0f} units in all.",
            whose=Whose.PAPER,
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
        said = (
            f"; those that do succeed in {min(fresh):.1%} to {max(fresh):.1%} of 1,000 "
            "fresh episodes"
            if fresh
            else ""
        )
        yield Verdict(
            claim=f"Pruned agents still pass (tau {tau:g}).",
            whose=Whose.PAPER,
            rule="every chain, of every width, passes after every round",
            found=f"{passed} of {len(runs)}{said}",
            answer=answer(passed == len(runs)),
        )
