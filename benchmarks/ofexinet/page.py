"""The page docs/ofexinet.md: our numbers and those of Guenter & Sideris 2025."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from sb3_prune_xinet import XiNetConfig

from benchmarks import verdicts
from benchmarks.harness import Table
from benchmarks.ofexinet import returns
from benchmarks.ofexinet import verdicts as of
from benchmarks.ofexinet.budget import OFE, SAC_BIG, Budget, Task
from benchmarks.ofexinet.figures import Found
from benchmarks.ofexinet.pace import path_of
from benchmarks.ofexinet.results import Results, Run, mean_size
from benchmarks.ofexinet.returns import BIG, PRUNED
from benchmarks.ofexinet.shapes import SEEDS

SHARED = "(machines were shared: do not compare)"
HEAD = """## Settings

`python -m benchmarks.ofexinet --budget {name}`: SAC with a value network, seeds
{listed} as far as they are trained. OFE-Big has {units} units per block, with batch
normalisation as in the paper, and networks of two hidden layers of {hidden} units.
Batches have {batch_size} transitions; {random_steps:,} random steps come first, and as
many updates of the extractor. The prices nu of extractor, policy and values are the
paper's times {prices[0]:g}, {prices[1]:g} and {prices[2]:g}, and the relative price is
{relative} (see [features](features.md)).

Thetas, the probabilities that a unit's gate is open, are learnt from {begin:.0%} to
{end:.0%} of training at a rate of {theta_rate:g} {exceptions},
then rounded; a unit whose theta falls below {tolerance} is removed at once.

OFE: a quarter of the units per block, hidden layers of {half}; SAC: no extractor,
hidden layers of {half}; SAC-Big: none, {double}. Small-dense: from scratch, in the mean
of the sizes that Prune-B ends with in seeds {sized}.

The score is the best evaluation ({episodes} greedy episodes each) of the last
{scored:.0%} of training{later}.

"""
PAPER = {
    "HalfCheetah-v5": {
        "sac": "12757, 42/35",
        "sac-big": "15534, 621/524",
        "ofe": "16609, 100/100",
        "ofe-big": "17299, 739/765",
        "prune-a": "16774, 87/179",
        "prune-b": "16033, 16/-",
        "prune-c": "13593, 12/29",
    },
    "Hopper-v5": {
        "sac": "3197, 51/43",
        "sac-big": "3534, 773/656",
        "ofe": "3548, 100/100",
        "ofe-big": "3699, 665/702",
        "prune-a": "3659, 39/86",
        "prune-b": "3515, 10/38",
        "prune-c": "3470, 6/16",
    },
}
"""Environment -> variant -> score, dR/tR in %: the paper's Table 3.

The paper used version 2 of the environments.
"""


def text(budget: Budget, found: Found) -> str:
    """Return the generated part of the page: verdicts, settings, then the tables."""
    path = path_of(budget)
    pace = json.loads(path.read_text()) if path.is_file() else None
    tables = [make(found) for make in (pairs, scores, sizes, extractor)]
    tables += [Table(**pace)] if pace else []
    judged = verdicts.markdown("Verdicts", of.verdicts(found, pace))
    return f"{judged}\n{_head(budget)}" + "\n".join(t.markdown() for t in tables)


def _head(budget: Budget) -> str:
    return HEAD.format(
        **vars(budget),
        listed=_and(budget.seeds),
        sized=_and(SEEDS),
        exceptions=_exceptions(budget),
        tolerance=XiNetConfig().tolerance,
        half=round(budget.hidden * OFE.hidden),
        double=round(budget.hidden * SAC_BIG.hidden),
        later=_later(budget),
    )


def _and(seeds: Sequence[int]) -> str:
    *others, last = map(str, seeds)
    return f"{', '.join(others)} and {last}" if others else last


def _later(budget: Budget) -> str:
    """Return as text in which tasks evaluations count only from later on."""
    return "".join(
        f"; on {task.label}, where thetas learn until {budget.in_task(task).end:.0%}, "
        "only evaluations after that count, for every variant"
        for task in budget.tasks
        if budget.in_task(task).end > 1 - budget.scored
    )


def further(budget: Budget, found: Found) -> str:
    """Return the tables of an experiment beside the published budget.

    There are none before an agent stands beside the dense one.
    """
    if all(len(variants) < 2 for variants in found.values()):
        return ""
    judged = [*of.verdicts(found, None)]
    judged += [v for runs in found.values() for v in returns.costs(runs)]
    rows = [make(found).markdown() for make in (pairs, scores)]
    title = f"Verdicts of the budget `{budget.name}`"
    return "\n".join(["", verdicts.markdown(title, judged), *rows])


def _exceptions(budget: Budget) -> str:
    """Return as text which tasks override the phases of learning thetas."""
    own = [_exception(task) for task in budget.tasks if task.phases]
    return f"({'; '.join(own)})" if own else "in every task"


def _exception(task: Task) -> str:
    assert task.phases is not None
    begin, end = task.phases
    rate = f" at {task.theta_rate:g}" if task.theta_rate else ""
    start = ", going on from OFE-Big's agent" if task.shared else ""
    return f"{task.label}: {begin:.0%} to {end:.0%}{rate}{start}"


def scores(found: Found) -> Table:
    """Make Table 3: best and mean of the evaluations that count, relative sizes."""
    table = Table(
        "Scores (the paper's Table 3)",
        [
            "environment",
            "variant",
            "seeds",
            "score",
            "mean",
            "dR %",
            "tR %",
            "paper",
        ],
    )
    for task, variants in found.items():
        for name, runs in variants.items():
            ratios = _ratios(variants, name)
            paper = PAPER.get(task, {}).get(name, "-")
            late = [_shown(runs, "score"), _shown(runs, "mean")]
            table.rows.append([task, name, len(runs), *late, *ratios, paper])
    return table


def sizes(found: Found) -> Table:
    """Make Table 4: parameters in thousands, and the training time."""
    table = Table(
        "Parameters and time (the paper's Table 4)",
        [
            "environment",
            "variant",
            "d, thousands",
            "t, thousands",
            f"CPU s {SHARED}",
            f"wall-clock s {SHARED}",
        ],
    )
    for task, variants in found.items():
        for name, runs in variants.items():
            counts = [f"{variants.size(name, p) / 1000:,.1f}" for p in ("d", "t")]
            spent = [np.mean([r.cpu_seconds for r in runs])]
            spent.append(np.mean([r.seconds for r in runs]))
            table.rows.append([task, name, *counts, *(round(float(s)) for s in spent)])
    return table


def pairs(found: Found) -> Table:
    """Put Prune-B beside OFE-Big, seed by seed; pace.py compares time.

    Sizes and the range of evaluations are of these seeds, too.
    """
    table = Table(
        "Prune-B beside OFE-Big",
        [
            *("environment", "variant", "seeds"),
            "best evaluation, % of OFE-Big's with the same seed",
            "mean evaluation, % of OFE-Big's with the same seed",
            "deployed parameters, % of OFE-Big's",
            "parameters in training, % of OFE-Big's",
            "range of OFE-Big's counted evaluations",
        ],
    )
    for task, variants in found.items():
        for name in (PRUNED, "prune-b-deployed", "small-dense"):
            if variants.pairs(name, BIG):
                table.rows.append([task, name, *_beside(name, variants)])
    return table


def _beside(name: str, variants: Results) -> list[str]:
    both = variants.pairs(name, BIG)
    best = [returns.share(ours.score, theirs.score) for ours, theirs in both]
    mean = [returns.share(ours.mean, theirs.mean) for ours, theirs in both]
    ours, theirs = zip(*both, strict=True)
    size = [100 * mean_size(ours, p) / mean_size(theirs, p) for p in "dt"]
    late = [value for run in theirs for value in run.late]
    listed = (", ".join(map(_percent, values)) for values in (best, mean))
    shares = (f"{value:.1f}" for value in size)
    spread = f"{min(late):,.4g} to {max(late):,.4g}"
    return [", ".join(str(run.seed) for run in ours), *listed, *shares, spread]


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{100 * share:.1f}"


def extractor(found: Found) -> Table:
    """Make the table of the extractors: loss, and gap of their normalisation.

    The gap is the difference between features with batch and with running statistics.
    It is largest at the start, when running statistics have seen few batches; what is
    asked is whether they keep up later.
    """
    table = Table(
        "Feature extractors at the last evaluation",
        [
            *("environment", "variant", "loss per entry of the observation"),
            "loss as a share of the observations' variance",
            "gap between features of running and of the batch's statistics",
            "largest gap after the first fifth of training",
        ],
    )
    for task, variants in found.items():
        for name, runs in variants.items():
            if "aux_loss" in runs[0].history[-1]:
                table.rows.append([task, name, *_learnt(runs)])
    return table


def _learnt(runs: Sequence[Run]) -> list[str]:
    ends = [run.history[-1] for run in runs]
    values = (
        np.mean([end["aux_loss"] for end in ends]),
        np.mean([end["aux_loss"] / end["variance"] for end in ends]),
        np.mean([end["feature_gap"] for end in ends]),
        max(gap for run in runs for gap in run.late_gaps),
    )
    return [f"{value:#.3g}" for value in values]


def _ratios(variants: Results, name: str) -> list[str]:
    shares = [variants.size(name, p) / variants.size("ofe", p) for p in "dt"]
    return [f"{100 * share:.0f}" for share in shares]


def _shown(runs: Sequence[Run], what: str) -> str:
    values = [getattr(run, what) for run in runs]
    spread = f" ({min(values):.4g}-{max(values):.4g})" if len(values) > 1 else ""
    return f"{np.mean(values):.4g}{spread}"
