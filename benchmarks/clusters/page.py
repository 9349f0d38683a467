"""The tables of docs/clusters.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clusters import figures
from benchmarks.clusters.agents import main_settings, record_of
from benchmarks.clusters.budget import Budget
from benchmarks.clusters.figures import Rounds, total
from benchmarks.clusters.pruning import MIN_UNITS, Case, cases, pruned
from benchmarks.harness import Table

PAPER_SHAPE = [51.6, 21, 15.9, 12.6, 10.2, 16.7]


def spread(values: Iterable[float], text: str = "{:.0f}") -> str:
    """Return the mean and the range of some numbers as text."""
    listed = list(values)
    shown = [text.format(v) for v in (np.mean(listed), min(listed), max(listed))]
    return f"{shown[0]} ({shown[1]}-{shown[2]})"


def grouped(budget: Budget) -> dict[tuple[int, int, str, float, int], list[Rounds]]:
    """Return the rounds of every case by (joints, width, reading, tau, rounds)."""
    groups: dict[tuple[int, int, str, float, int], list[Rounds]] = defaultdict(list)
    for case in dict.fromkeys(cases(budget)):
        groups[_key(case)].append(pruned(budget, case))
    return groups


def _key(case: Case) -> tuple[int, int, str, float, int]:
    return case.joints, case.width, case.reading, case.tau, case.rounds


def agents(budget: Budget) -> Table:
    """Make the table of the agents' training."""
    table = Table(
        "Agents",
        ["joints", "width", "passed", "gradient steps", "success on 1,000 episodes"],
    )
    for joints, width in main_settings(budget):
        records = [record_of(budget, joints, width, s) for s in range(budget.agents)]
        table.rows.append(
            [
                joints,
                f"{width} x 6",
                f"{sum(r['passed'] for r in records)} of {len(records)}",
                spread(r["updates"] for r in records),
                spread((r["success"] for r in records), "{:.3f}"),
            ]
        )
    return table


def rounds(budget: Budget, folder: Path) -> Table:
    """Make the table of agents' sizes over rounds, by width and threshold."""
    table = Table(
        f"Rounds of merging and retraining (at least {MIN_UNITS} units a layer)",
        [
            "robot, width",
            "reading, tau",
            "passed all",
            "units, rounds 1 2 3",
            "mean shape at the end",
            "gradient steps, rounds 1 2 3",
        ],
    )
    drawn = {}
    for (joints, width, reading, tau, count), runs in grouped(budget).items():
        if count == 1:
            continue
        whole = [r for r in runs if len(r) == count + 1 and r[-1]["passed"]]
        if joints == 3:
            drawn[f"{width}: {reading} {tau:g}"] = runs
        table.rows.append(
            [
                f"{joints} joints, {width} x 6",
                f"{reading} {tau:g}",
                f"{len(whole)} of {len(runs)}",
                _over_rounds(runs, total),
                _shape(whole),
                _over_rounds(runs, lambda done: done["gradient_steps"]),
            ]
        )
    figures.by_width(drawn, folder / "clusters_rounds.png")
    return table


def _over_rounds(runs: Sequence[Rounds], number: Any) -> str:
    longest = max(map(len, runs))
    columns = [[number(r[k]) for r in runs if len(r) > k] for k in range(1, longest)]
    return ", ".join(spread(column) for column in columns)


def _shape(runs: Sequence[Rounds]) -> str:
    if not runs:
        return "-"
    shapes = [list(r[-1]["units"].values()) for r in runs]
    return " ".join(f"{units:.0f}" for units in np.mean(shapes, axis=0))


def thresholds(budget: Budget, folder: Path) -> Table:
    """Make the table of size and success after one merge, by threshold."""
    table = Table(
        f"One merge of {budget.sweep_width} x 6, by threshold (reading `layer`)",
        [
            "tau",
            "hidden units",
            "success right after",
            "passed again",
            "gradient steps",
        ],
    )
    sweep = {}
    for (_, width, reading, tau, count), every in grouped(budget).items():
        # Agents that no longer passed before the merge have no round to report.
        runs = [r for r in every if len(r) > 1]
        if runs and count == 1 and width == budget.sweep_width and reading == "layer":
            sweep[tau] = runs
            table.rows.append(
                [
                    f"{tau:g}",
                    spread(total(r[1]) for r in runs),
                    spread((r[1]["merged_success"] for r in runs), "{:.2f}"),
                    f"{sum(r[1]['passed'] for r in runs)} of {len(runs)}",
                    spread(r[1]["gradient_steps"] for r in runs),
                ]
            )
    if sweep:
        figures.by_threshold(sweep, folder / "clusters_thresholds.png")
    return table


def distances(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    """Make the table of the distances between units."""
    table = Table(
        "Distances between speaking units, 500 episodes",
        ["agents", "mean", "standard deviation", "5 %", "95 %", "means of the layers"],
    )
    for kind, every in found.items():
        numbers = [
            spread((s[key] for s in every), "{:.2f}")
            for key in ("mean", "std", "p5", "p95")
        ]
        layers = np.mean([s["layers"] for s in every if len(s["layers"]) == 6], axis=0)
        table.rows.append([kind, *numbers, " ".join(f"{x:.2f}" for x in layers)])
    return table


def maps(found: Sequence[Mapping[str, Any]], folder: Path) -> Table:
    """Make the table of the projections between agents."""
    table = Table(
        "Projections of pruned agents, lambda = 50",
        ["source-target", "inputs", "method", "error", "saturation", "coverage"],
    )
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for one in found:
        method = "random source" if one["random"] else one["method"]
        pair = f"{one['source']}-{one['target']}"
        groups[pair, one["inputs"], method].append(one)
    for key, every in groups.items():
        numbers = [
            spread((one[m] for one in every), "{:.3f}")
            for m in ("error", "saturation", "coverage")
        ]
        table.rows.append([*key, *numbers])
    matrices = {
        pair: np.mean([one["layers"] for one in every], axis=0)
        for (pair, inputs, method), every in groups.items()
        if method == "linear" and (inputs == "balanced" or pair == "3-3")
    }
    figures.layer_matrices(matrices, folder / "clusters_layers.png")
    return table
