"""Curves: what the charts of a report show, of one run or of several."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sb3_prune.reporting.charts import Chart, Line, Panel
from sb3_prune.reporting.reported import ReportedRun

SCORES = {"mean_return": "mean return", "success": "success"}
"""What the curve of a run shows -> how it is called."""


def has_trained(run: ReportedRun) -> bool:
    """Tell whether a run has environment steps: pruned at once, it has none."""
    return run.cuts[-1][0] > run.cuts[0][0]


def one_run(run: ReportedRun) -> Chart | None:
    """Return the curves of one run; None if it never trained, so there is no axis.

    Layers with equal curves share one line, because only the last would show.
    """
    if not has_trained(run):
        return None
    names, panels = [], []
    if run.curve:
        names.append(f"{SCORES[run.score]}, greedy")
        panels.append(_score_panel([_score(run, 0)], run.score))
    lines = []
    for layers, widths in _shared(run).items():
        steps = [step for step, _ in run.cuts]
        lines.append(Line(series=len(names), x=steps, y=widths, stepped=True))
        names.append(layers)
    panels.append(Panel(title="units in each layer", lines=lines, zero=True))
    first = run.first_cut
    marks = {} if first is None else {"first cut": float(first)}
    title = f"Learning and widths of {run.name}"
    return Chart(title=title, names=names, panels=panels, marks=marks)


def of_runs(runs: Sequence[ReportedRun]) -> Chart | None:
    """Return the curves of several runs that trained; None if there is no run.

    Runs of different environments share no panel of returns.
    """
    if not runs:
        return None
    kinds: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for number, run in enumerate(runs):
        if run.curve:
            kinds[run.score, run.task].append(_score(run, number))
    panels = [
        _score_panel(lines, score, f" in {task}" if len(kinds) > 1 else "")
        for (score, task), lines in kinds.items()
    ]
    totals = [_total(run, number) for number, run in enumerate(runs)]
    panels.append(Panel(title="hidden units in all", lines=totals, zero=True))
    names = [run.name for run in runs]
    return Chart(title="Learning and widths", names=names, panels=panels)


def _score_panel(lines: Sequence[Line], score: str, where: str = "") -> Panel:
    band = ", 95 % interval over episodes" if any(x.low for x in lines) else ""
    title, percent = f"{SCORES[score]}{where}{band}", score == "success"
    return Panel(title=title, lines=lines, percent=percent)


def _score(run: ReportedRun, series: int) -> Line:
    """Return the curve of a run, with a band if all intervals of returns are known."""
    pairs = [test.get("interval") for test in run.curve]
    sure = [p for p in pairs if p is not None] if run.score == "mean_return" else []
    whole = len(sure) == len(pairs)
    return Line(
        series=series,
        x=[int(test["timesteps"]) for test in run.curve],
        y=[float(test[run.score]) for test in run.curve],
        low=[float(low) for low, _ in sure] if whole else (),
        high=[float(high) for _, high in sure] if whole else (),
    )


def _total(run: ReportedRun, series: int) -> Line:
    return Line(
        series=series,
        x=[step for step, _ in run.cuts],
        y=[sum(units.values()) for _, units in run.cuts],
        stepped=True,
    )


def _shared(run: ReportedRun) -> dict[str, list[int]]:
    """Return the widths of layers over the run, by the names of those that share it."""
    curves: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for name in run.before.widths:
        curves[tuple(units.get(name, 0) for _, units in run.cuts)].append(name)
    return {", ".join(names): list(widths) for widths, names in curves.items()}
