"""``sb3-prune compare``: several runs side by side, as a table and two pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sb3_prune.cli.folders import CompareOptions
from sb3_prune.cli.outputs import as_json, as_png, check_out, publish
from sb3_prune.cli.parsing import parse
from sb3_prune.cli.tables import aligned
from sb3_prune.exceptions import ConfigError
from sb3_prune.reporting.numbers import between, number
from sb3_prune.runs import strict
from sb3_prune.runs.comparing import RunComparison, RunGroup, compare_runs
from sb3_prune.runs.finished import SIZES

NUMBERS = "comparison.json"
"""File of the numbers, beside the pictures."""
HEAD = ["", "seeds", "return", "95 % interval", "front"]
COLUMNS = ["units", "parameters", "in all", "FLOPs"]
"""Titles of the sizes in ``SIZES``."""
LONG = 60
"""Characters of a name from which on a hint is given."""


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SB3PruneError: The input is bad; nothing was written.
    """
    options = parse(CompareOptions, arguments, "compare")
    if not options.runs:
        raise ConfigError("RUN... is missing. See sb3-prune compare --help.")
    out = options.out or options.runs[0].absolute().parent / "comparison"
    check_out(out, NUMBERS, overwrite=options.overwrite)
    found = compare_runs(options.runs)
    content = found.to_dict()
    pictures = {
        "returns.png": as_png(found.plot_training()),
        "sizes.png": as_png(found.plot_sizes()),
    }
    publish(out, {**pictures, NUMBERS: as_json(content)})
    if options.json:
        print(strict.dumps(content))
        return
    print(f"{found.task}: interquartile mean of the last evaluations' returns\n")
    print("\n".join(lines(found)))
    print(f"\n{out} has {', '.join([*pictures, NUMBERS])}")


def lines(found: RunComparison) -> Iterator[str]:
    """Yield the table, and remarks on intervals and on long names."""
    front = found.front()
    rows = [
        [label, *_numbers(group), "*" if label in front else "", *_sizes(group)]
        for label, group in found.groups.items()
    ]
    yield from aligned([[*HEAD, *COLUMNS], *rows])
    yield ""
    yield "front: no other row has as few parameters to act and as high a return"
    yield from found.remarks()
    made = [name for name, each in found.groups.items() if each.runs[0].label is None]
    if any(len(name) > LONG for name in made):
        yield "names are long: train, prune and scratch take a shorter one by --label"


def _numbers(group: RunGroup) -> list[str]:
    sure = group.interval
    interval = between(*sure) if sure else "-"
    return [str(len(group.runs)), number(group.value), interval]


def _sizes(group: RunGroup) -> list[str]:
    return [f"{group.size(name):,.0f}" for name in SIZES]
