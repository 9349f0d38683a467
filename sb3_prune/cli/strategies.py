"""``sb3-prune strategies``: list the pruning strategies and their options."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, get_type_hints

from sb3_prune import plugins
from sb3_prune.cli.lines import StrategiesOptions
from sb3_prune.cli.parsing import flag, parse
from sb3_prune.runs import strict
from sb3_prune.strategies.base import Strategy


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parse(StrategiesOptions, arguments, "strategies")
    described = [describe(cls) for cls in plugins.strategies().values()]
    if options.json:
        print(strict.dumps(described))
        return
    for entry in described:
        print("\n".join(_lines(entry)))
    print("Meaning of the options: sb3-prune train --strategy NAME --help")


def describe(cls: type[Strategy]) -> dict[str, Any]:
    """Return the name, summary, reference and options of a strategy."""
    default, hints = cls.Config(), get_type_hints(cls.Config)
    return {
        "name": cls.name,
        "summary": cls.summary(),
        "reference": cls.reference,
        "options": {
            f.name: {
                "type": inspect.formatannotation(hints[f.name]),
                "default": getattr(default, f.name),
            }
            for f in fields(cls.Config)
            if f.init
        },
    }


def _lines(entry: dict[str, Any]) -> list[str]:
    lines = [entry["name"], f"    {entry['summary']}"]
    if entry["reference"]:
        lines.append(f"    Reference: {entry['reference']}.")
    for name, option in entry["options"].items():
        lines.append(f"    {flag(name):<20} {_shell(option['default'])}")
    return [*lines, ""]


def _shell(value: object) -> str:
    """Return a value as it is written on the command line."""
    if isinstance(value, dict):
        value = [part for pair in value.items() for part in pair]
    return " ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
