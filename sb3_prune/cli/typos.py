"""Typos: options that no strategy can have are refused before torch is imported."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Set
from difflib import get_close_matches
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from sb3_prune.cli.parsing import UsageError, flag
from sb3_prune.plugins.host import GROUP

OURS = "sb3-prune"
"""Our distribution."""
FIELD = re.compile(r"^    (\w+):", re.MULTILINE)
"""A line that may declare an option in a class."""


def refuse_typos(given: Set[str], own: Set[str], command: str) -> None:
    """Refuse options that neither a command nor a strategy of ours has.

    The strategies' own code knows best, but takes seconds to import. So this looks into
    its text, which shows some names too many and none too few. It leaves all to that
    code if plug-ins of others are installed, or if torch is imported already.

    Args:
        given: Options on the command line, each with its dashes.
        own: Options of the command.
        command: Name of the command.

    Raises:
        UsageError: An option cannot exist.
    """
    asks = {"-h", "--help"} & given
    if asks or "torch" in sys.modules or any(not ours for _, ours in _plugins()):
        return
    known = own | set(map(flag, names_in_strategies()))
    named = {each.replace("_", "-") for each in given if each.startswith("--")}
    unknown = sorted(each for each in named - known if "." not in each)
    if not unknown:
        return
    similar = [m for each in unknown for m in get_close_matches(each, known, 1, 0.8)]
    guess = f" Did you mean {' or '.join(similar)}?" if similar else ""
    raise UsageError(
        f"Unrecognized options: {', '.join(unknown)}.{guess} See sb3-prune {command} "
        "--help."
    )


def names_in_strategies() -> set[str]:
    """Return all names that the code of our strategies declares in classes."""
    packages = ["sb3_prune.strategies", *(name for name, _ in _plugins())]
    return {
        name
        for package in packages
        for path in _sources(package)
        for name in FIELD.findall(path.read_text("utf-8"))
    }


def _plugins() -> Iterator[tuple[str, bool]]:
    """Yield the packages of plug-ins, and whether they are ours."""
    for entry in entry_points(group=GROUP):
        yield entry.module, entry.dist is not None and entry.dist.name == OURS


def _sources(package: str) -> Iterator[Path]:
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        yield from Path(folder).rglob("*.py")
