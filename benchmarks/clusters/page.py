"""The tables of docs/clusters.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clusters import (
    comparisons,
    figures,
    looking,
    mapping,
    scratch,
    sizes,
    steps,
    verdicts,
)
from benchmarks.clusters.agents import main_settings, record_of
from benchmarks.clusters.budget import Budget
from benchmarks.clusters.figures import Rounds, total
from benchmarks.clusters.mapping import LAMBDA
from benchmarks.clusters.pruning import MIN_UNITS, Case, cases, pruned
from benchmarks.harness import Table, spread
from benchmarks.verdicts import Verdict, markdown


def grouped(budget: Budget) -> dict[tuple[int, int, str, float, int], list[Rounds]]:
    """Return the rounds of every case by (joints, width, reading, tau, rounds)."""
    groups: dict[tuple[int, int, str, float, int], list[Rounds]] = defaultdict(list)
    for case in dict.fromkeys(case for each in _widths(budget) for case in cases(each)):
        if (found := pruned(budget, case)) is not None:
            groups[_key(case)].append(found)
    return groups


def _widths(budget: Budget) -> list[Budget]:
    """Return the budget, and what it would be with other widths of looks and maps."""
    return [replace(budget, map_width=width) for width in budget.widths]


def _key(case: Case) -> tuple[int, int, str, float, int]:
    return case.joints, case.width, case.reading, case.tau, case.rounds


def agents(budget: Budget) -> Table:
    """Make the table of the agents' training."""
    table = Table(
        "Agents",
        [
            *("joints", "width", "passed", "gradient steps of those that passed"),
            "success on 1,000 episodes",
        ],
    )
    every_setting = [s for each in _widths(budget) for s in main_settings(each)]
    for joints, width in sorted(set(every_setting)):
        every = [record_of(budget, joints, width, s) for s in range(budget.agents)]
        records = [record for record in every if record is not None]
        if not records:
            continue
        table.rows.append(
            [
                joints,
                f"{width} x 6",
                f"{sum(r['passed'] for r in records)} of {len(records)}",
                steps.text([(r["passed"], r["updates"]) for r in records]),
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
            "chains that passed every round",
            "units after rounds 1, 2, 3 (every chain that reached the round)",
            "mean shape at the end (chains that passed every round)",
            "gradient steps in rounds 1; 2; 3 (chains that passed the round)",
            "success on 1,000 fresh episodes (chains that passed every round)",
        ],
    )
    drawn = {}
    for (joints, width, reading, tau, count), runs in sorted(grouped(budget).items()):
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
                _steps(runs),
                spread((r[-1]["fresh_success"] for r in whole), "{:.3f}")
                if whole
                else "-",
            ]
        )
    figures.by_width(drawn, folder / "clusters_rounds.png")
    return table


def _over_rounds(runs: Sequence[Rounds], number: Any) -> str:
    """Return a number of each round, over all chains that got there, passed or not."""
    longest = max(map(len, runs))
    columns = [[number(r[k]) for r in runs if len(r) > k] for k in range(1, longest)]
    return ", ".join(spread(each) + _of_fewer(each, runs) for each in columns)


def _steps(runs: Sequence[Rounds]) -> str:
    """Return the gradient steps of each round, of the chains that passed it."""
    every = [verdicts.tries(runs, k) for k in range(1, max(map(len, runs)))]
    return "; ".join(steps.text(each, among=len(runs)) for each in every)


def _of_fewer(column: Sequence[Any], runs: Sequence[Rounds]) -> str:
    return "" if len(column) == len(runs) else f" of {len(column)}"


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
            "gradient steps of those that passed again",
        ],
    )
    # Agents that no longer passed before the merge have no round to report.
    sweep = verdicts.sweep_of(grouped(budget), budget.sweep_width)
    for tau, runs in sweep.items():
        table.rows.append(
            [
                f"{tau:g}",
                spread(total(r[1]) for r in runs),
                spread((r[1]["merged_success"] for r in runs), "{:.2f}"),
                f"{sum(r[1]['passed'] for r in runs)} of {len(runs)}",
                steps.text(verdicts.tries(runs, 1)),
            ]
        )
    if sweep:
        path = folder / "clusters_thresholds.png"
        figures.by_threshold(sweep, budget.sweep_width, path)
    return table


def distances(budget: Budget) -> Table:
    """Make the table of the distances between units."""
    table = Table(
        "Distances between units that are not silent, 500 episodes",
        [
            *("width", "observations", "agents", "mean", "standard deviation"),
            *("5 %", "95 %", "means of the layers"),
        ],
    )
    for width in budget.widths:
        looks = looking.kept(budget, width)
        for inputs in looking.INPUTS:
            seen = [look[inputs] for look in looks if inputs in look]
            for kind in looking.KINDS if seen else ():
                every = [each[kind] for each in seen]
                row = [f"{width} x 6", inputs, kind, *_statistics(every)]
                table.rows.append(row)
    return table


def _statistics(every: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = ("mean", "std", "p5", "p95")
    numbers = [spread((s[key] for s in every), "{:.2f}") for key in keys]
    layers = np.mean([s["layers"] for s in every if len(s["layers"]) == 6], axis=0)
    return [*numbers, " ".join(f"{x:.2f}" for x in layers)]


METRICS = ("error", "saturation", "coverage")


def maps(budget: Budget) -> Table:
    """Make the table of the projections between agents."""
    table = Table(
        f"Projections of pruned agents, lambda = {LAMBDA:g}",
        ["width", "source-target", "inputs", "method", "agents", *METRICS],
    )
    for (width, pair, inputs, kind), every in _of_maps(budget, itself=False).items():
        numbers = [spread((one[m] for one in every), "{:.3f}") for m in METRICS]
        row = [f"{width} x 6", pair, inputs, kind, len(every), *numbers]
        table.rows.append(row)
    return table


def _of_maps(
    budget: Budget, *, itself: bool
) -> dict[tuple[int, str, str, str], list[Mapping[str, Any]]]:
    groups: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for one in mapping.kept(budget):
        if one["penalty"] == LAMBDA and one["itself"] == itself:
            pair = f"{one['source']}-{one['target']}"
            groups[one["width"], pair, one["inputs"], one["kind"]].append(one)
    return groups


def lambdas(budget: Budget) -> Table:
    """Make the table of projections by lambda, those of agents onto themselves too."""
    table = Table(
        f"Projections of {budget.map_width} x 6, three joints, by lambda",
        ["source", "lambda", "agents", *METRICS],
    )
    groups: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for one in mapping.kept(budget):
        three = (one["source"], one["target"], one["width"]) == (3, 3, budget.map_width)
        if three:
            shown = "greedy" if one["method"] == "greedy" else f"{one['penalty']:g}"
            kind = one["kind"] if one["itself"] or one["random"] else "another agent"
            groups[kind, one["method"], one["penalty"], shown].append(one)
    for (kind, _, _, shown), every in sorted(groups.items()):
        numbers = [spread((one[m] for one in every), "{:.3f}") for m in METRICS]
        table.rows.append([kind, shown, len(every), *numbers])
    return table


def layers(budget: Budget, folder: Path) -> list[Table]:
    """Make a table of each matrix of layers, equation (9), and draw them."""
    found = {
        f"{pair}, {width} x 6": np.mean([one["layers"] for one in every], axis=0)
        for (width, pair, inputs, kind), every in _of_maps(budget, itself=False).items()
        if kind == "linear"
        and (inputs == "balanced" or pair == "3-3")
        and all("layers" in one for one in every)
    }
    if found:
        figures.layer_matrices(found, folder / "clusters_layers.png")
    return [_matrix(label, matrix) for label, matrix in found.items()]


def _matrix(label: str, matrix: np.ndarray) -> Table:
    count = range(1, matrix.shape[1] + 1)
    table = Table(
        f"Layer to layer, {label}, mean over agents (columns: target layers)",
        ["source layer", *map(str, count)],
    )
    for number, row in enumerate(matrix, 1):
        table.rows.append([str(number), *(f"{share:.3f}" for share in row)])
    return table


def judged(budget: Budget) -> list[Verdict]:
    """Return all verdicts."""
    groups, found = grouped(budget), mapping.kept(budget)
    width = budget.sweep_width
    every = [record_of(budget, 3, width, seed) for seed in range(budget.agents)]
    spent = [(r["passed"], r["updates"]) for r in every if r is not None]
    made: list[Verdict] = []
    if steps.of_passed(spent):
        made += verdicts.of_sweep(groups, width, steps.mean(spent))
    made += sizes.of_rounds(groups)
    for each in budget.widths:
        looks = looking.kept(budget, each)
        for inputs in looking.INPUTS:
            made += comparisons.of_distances(each, looks, inputs)
    for each in budget.widths:
        made += comparisons.of_maps(found, each)
        made += comparisons.of_lambdas(found, each)
    return made


def text(budget: Budget, folder: Path) -> str:
    """Return the generated part of the page; write the figures into a folder."""
    tables = [
        agents(budget),
        thresholds(budget, folder),
        rounds(budget, folder),
        scratch.table(budget),
        distances(budget),
        maps(budget),
        lambdas(budget),
        *layers(budget, folder),
    ]
    shown = "\n".join(table.markdown() for table in tables if table.rows)
    return f"{markdown('Verdicts', judged(budget))}\n{shown}"
