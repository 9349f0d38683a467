"""Grouping: which runs are of one kind, and how the kinds are called."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sb3_prune.exceptions import ConfigError
from sb3_prune.runs.finished import MODEL_OPTION, SCRATCH, FinishedRun

Runs = list[FinishedRun]

NAMED = ("algorithm", "strategy.name", "command")
"""Settings that begin a label, or that follow from what does."""


FOLLOW = {"built"}
"""Settings of small dense agents that follow from the pruned agent."""


def grouped(runs: Sequence[FinishedRun]) -> dict[str, Runs]:
    """Return the runs by label: those of equal settings and other seeds are one group.

    Runs without a label of their own get one, of the algorithm, the strategy and what
    else tells the groups apart. Runs that pruned different zips are of one kind only if
    their label says so, for nobody knows how the zips were trained.

    Raises:
        ConfigError: Runs share a label but not their settings, two runs of a group have
            the same seed (and zip), or a label names two groups.
    """
    kinds: dict[tuple[object, ...], Runs] = defaultdict(list)
    for run in runs:
        own = sorted((name, repr(value)) for name, value in _known(run).items())
        kinds[(run.label,) if run.label else (None, *own)].append(run)
    groups = list(kinds.values())
    for group in groups:
        _require_one_kind(group)
    labels = _labels(groups)
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise ConfigError(f"Different runs have the label {twice}: choose another one.")
    return dict(zip(labels, groups, strict=True))


def _require_one_kind(group: Runs) -> None:
    first = group[0]
    for run in group[1:]:
        names = _differing([_known(first), _known(run)])
        free = {MODEL_OPTION} | (FOLLOW if _of_scratch(first, run) else set())
        if names := [name for name in names if name not in free]:
            listed = ", ".join(
                f"{name} {first.settings.get(name)} and {run.settings.get(name)}"
                for name in names
            )
            raise ConfigError(
                f"'{first.folder}' and '{run.folder}' share the label '{run.label}', "
                f"but not their settings: {listed}."
            )
    for run in group:
        same = [other for other in group if other.origin == run.origin]
        if len(same) > 1:
            raise ConfigError(
                f"'{same[0].folder}' and '{same[1].folder}' are one run twice: equal "
                f"settings, and the same seed {run.origin[0]}."
            )


def _known(run: FinishedRun) -> dict[str, Any]:
    """Return the settings, with the zip itself in place of how its path was typed."""
    zips = {MODEL_OPTION: run.origin[1]} if run.origin[1] else {}
    return {**run.settings, **zips}


def _of_scratch(*runs: FinishedRun) -> bool:
    return all(run.settings["command"] == SCRATCH for run in runs)


def _labels(groups: Sequence[Runs]) -> list[str]:
    """Return a label of each group."""
    near: dict[tuple[str, str], Runs] = defaultdict(list)
    for first, *_ in groups:
        near[first.algorithm, first.strategy].append(first)
    return [
        first.label or _label(first, near[first.algorithm, first.strategy])
        for first, *_ in groups
    ]


def _label(run: FinishedRun, near: Runs) -> str:
    """Return what tells a run from others of its algorithm and strategy."""
    several = len({other.settings["command"] for other in near}) > 1
    begin = [run.algorithm, run.strategy, *([run.settings["command"]] * several)]
    names = _telling(run, near)
    own = [(name, run.settings[name]) for name in names if name in run.settings]
    return " ".join([*begin, *(f"{n.rpartition('.')[2]}={value}" for n, value in own)])


def _telling(run: FinishedRun, near: Runs) -> list[str]:
    """Return the settings that differ among runs, as far as they can be compared.

    Those that only some commands have tell apart the runs of one command alone.
    """
    by_command: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in near:
        by_command[each.settings["command"]].append(_known(each))
    of_all = set.intersection(*(set().union(*each) for each in by_command.values()))
    within = {*_differing(by_command[run.settings["command"]])} - {*NAMED}
    # What was built follows from other settings, or from the command, if these differ.
    built = {"built"} if within == {"built"} else set()
    told = (of_all | within) - {*NAMED, "built"} | built
    return [name for name in _differing(map(_known, near)) if name in told]


def _differing(settings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names whose values are not the same everywhere."""
    listed = list(settings)
    names = dict.fromkeys(name for each in listed for name in each)
    return [
        name for name in names if len({repr(each.get(name)) for each in listed}) > 1
    ]
