"""Page: a report of runs as one HTML file that needs nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sb3_prune.exceptions import ConfigError, RunFolderError
from sb3_prune.files import write_text
from sb3_prune.reporting import embedding, loading, tables
from sb3_prune.reporting.curves import has_trained, of_runs, one_run
from sb3_prune.reporting.layers import pictures
from sb3_prune.reporting.rendering import rendered
from sb3_prune.reporting.reported import ReportedRun
from sb3_prune.runs.comparing import RunComparison, compare_runs
from sb3_prune.runs.folder import check_creatable


def write_report(runs: Iterable[str | Path], out: str | Path) -> Path:
    """Write a report of finished runs: one HTML file that needs no network.

    It shows what was pruned and how, sizes and returns before and after with intervals,
    learning and widths over training, every hidden layer before and after, analyses and
    an animation if the runs have them, and how to load and export the agents. What a
    run does not have is named. Nothing is unpickled.

    Args:
        runs: Folders of runs of ``sb3-prune train`` or ``sb3-prune prune``, at least
            one.
        out: File to write; an older one is replaced.

    Returns:
        The file.

    Raises:
        ConfigError: A folder is that of no complete run, is there twice, or a file in
            it is damaged; nothing was written.
        RunFolderError: The file cannot be written there.
    """
    path = Path(out)
    found = read_runs(runs)
    check_creatable(path)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise RunFolderError(f"'{path}' must be a file in a folder that exists.")
    write_text(path, html(found))
    return path


def read_runs(folders: Iterable[str | Path]) -> list[ReportedRun]:
    """Read the folders of runs.

    Raises:
        ConfigError: There is none, one is there twice, or one is no complete run.
    """
    paths = [Path(folder) for folder in folders]
    if not paths:
        raise ConfigError("There is nothing to report: give at least one run folder.")
    known: set[Path] = set()
    for path in paths:
        if path.resolve() in known:
            raise ConfigError(f"'{path}' is there twice: give every run once.")
        known.add(path.resolve())
    return told_apart([ReportedRun.read(path) for path in paths])


def told_apart(runs: Sequence[ReportedRun]) -> list[ReportedRun]:
    """Return runs of which no two have one name: seeds of a label, or equal folders.

    To names that are there twice the folder is added.
    """
    count = Counter(run.name for run in runs)
    return [
        replace(run, name=f"{run.name} ({run.folder})") if count[run.name] > 1 else run
        for run in runs
    ]


def html(runs: Sequence[ReportedRun]) -> str:
    """Return the page."""
    several = len(runs) > 1
    return rendered(
        "report.html",
        title=f"{len(runs)} runs" if several else runs[0].name,
        sizes=tables.SIZES,
        overview=_overview(runs) if several else None,
        runs=[_section(run) for run in runs],
    )


def _overview(runs: Sequence[ReportedRun]) -> Mapping[str, Any]:
    """Return what is said of several runs together."""
    compared: RunComparison | None = None
    try:
        compared, problem = compare_runs(run.folder for run in runs), None
    except ConfigError as error:  # Other environments, or no returns.
        problem = str(error)
    trained = [number for number, run in enumerate(runs) if has_trained(run)]
    chart = of_runs([runs[number] for number in trained])
    return {
        "compared": compared,
        "problem": problem,
        "chart": chart and {"chart": chart, "runs": trained},
        "at_once": [run.name for run in runs if not has_trained(run)],
    }


def _section(run: ReportedRun) -> Mapping[str, Any]:
    """Return what is said of one run."""
    folder, networks = run.folder, pictures(run.before.widths, run.after.widths)
    paths = [*embedding.animations(folder), *embedding.analyses(folder)]
    shown = {path: embedding.embedded(path) for path in paths}
    problems = [found for found in shown.values() if isinstance(found, str)]
    problems += embedding.outdated(folder, paths)
    known = [(p, f) for p, f in shown.items() if not isinstance(f, str)]
    return {
        "run": run,
        "highlights": tables.highlights(run),
        "sizes": tables.sizes(run),
        "results": tables.results(run),
        "moments": list(tables.moments(run)),
        "sure": tables.has_intervals(run),
        "chart": one_run(run),
        "networks": networks,
        "grown": any(layer.grown for each in networks.values() for layer in each),
        "animations": [found for path, found in known if path.suffix == ".gif"],
        "analyses": [found for path, found in known if path.suffix == ".png"],
        "analysed": embedding.facts(folder),
        "code": loading.shown(run),
        "missing": [
            *run.missing(),
            *loading.absent(run),
            *embedding.absent(folder),
            *problems,
        ],
    }
