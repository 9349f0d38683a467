"""The page docs/ofexinet.md: our numbers and those of Guenter & Sideris 2025."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from benchmarks import verdicts
from benchmarks.harness import Table
from benchmarks.ofexinet import returns
from benchmarks.ofexinet import verdicts as of
from benchmarks.ofexinet.budget import Budget, Task
from benchmarks.ofexinet.figures import Found
from benchmarks.ofexinet.pace import path_of
from benchmarks.ofexinet.results import Results, Run
from benchmarks.ofexinet.returns import BIG, PRUNED

HEAD = """## Settings

`python -m benchmarks.ofexinet --budget {name}`: SAC with a value network, seeds {seeds}
as far as they are trained; OFE-Big of {units} units per block, with batch
normalisation as in the paper, and 2 x {hidden} in the agent's networks; batches
of {batch_size}, {random_steps:,} random steps and as many
updates before learning; nu of extractor, policy and values times {prices}, relative
price {relative} (see [features](features.md)), theta's learning rate {theta_rate:g};
thetas learn from {begin:.0%} to {end:.0%} of training
{exceptions}
and are rounded then, units below 0.1 are removed at once. OFE has a quarter of the
units and half the hidden width, SAC the latter, SAC-Big four times that. Small-dense
has the sizes that Prune-B ends with, from scratch. The score is the best evaluation
({episodes} greedy episodes each) of the last {scored:.0%}; where thetas learn until
later, all variants are scored after that.

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
    head = HEAD.format(**vars(budget), exceptions=_exceptions(budget))
    return f"{judged}\n{head}" + "\n".join(table.markdown() for table in tables)


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
            "CPU s",
            "wall-clock s",
        ],
    )
    for task, variants in found.items():
        for name, runs in variants.items():
            counts = [round(variants.size(name, p) / 1000, 1) for p in ("d", "t")]
            spent = [np.mean([r.cpu_seconds for r in runs])]
            spent.append(np.mean([r.seconds for r in runs]))
            table.rows.append([task, name, *counts, *(round(float(s)) for s in spent)])
    return table


def pairs(found: Found) -> Table:
    """Put Prune-B beside OFE-Big, seed by seed; pace.py compares time."""
    table = Table(
        "Prune-B beside OFE-Big",
        [
            *("environment", "variant", "seeds", "best %, by seed", "mean %, by seed"),
            *("d %", "t %", "OFE-Big's evaluations"),
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
    size = [100 * variants.size(name, p) / variants.size(BIG, p) for p in "dt"]
    late = [value for run in variants[BIG] for value in run.late]
    listed = (", ".join(map(_percent, values)) for values in (best, mean))
    shares = (f"{value:.1f}" for value in size)
    spread = f"{min(late):,.4g} to {max(late):,.4g}"
    return [", ".join(str(ours.seed) for ours, _ in both), *listed, *shares, spread]


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{100 * share:.1f}"


def extractor(found: Found) -> Table:
    """Make the table of the extractors: loss, and gap of their normalisation.

    The gap is the difference between features with batch and with running statistics.
    """
    table = Table(
        "Feature extractors (last evaluation; the gap also at its largest)",
        [
            "environment",
            "variant",
            "loss per entry",
            "of variance",
            "gap",
            "largest gap",
        ],
    )
    for task, variants in found.items():
        for name, runs in variants.items():
            if "aux_loss" in runs[0].history[-1]:
                table.rows.append([task, name, *_learnt(runs)])
    return table


def _learnt(runs: Sequence[Run]) -> list[str]:
    ends = [run.history[-1] for run in runs]
    late = [row for run in runs for row in run.history[len(run.history) // 5 :]]
    values = (
        np.mean([end["aux_loss"] for end in ends]),
        np.mean([end["aux_loss"] / end["variance"] for end in ends]),
        np.mean([end["feature_gap"] for end in ends]),
        max(row["feature_gap"] for row in late),
    )
    return [f"{value:.4f}" for value in values]


def _ratios(variants: Results, name: str) -> list[str]:
    shares = [variants.size(name, p) / variants.size("ofe", p) for p in "dt"]
    return [f"{100 * share:.0f}" for share in shares]


def _shown(runs: Sequence[Run], what: str) -> str:
    values = [getattr(run, what) for run in runs]
    spread = f" ({min(values):.4g}-{max(values):.4g})" if len(values) > 1 else ""
    return f"{np.mean(values):.4g}{spread}"
