"""Parsing: fill a dataclass from the command line; report a mistake in one line."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Sequence
from typing import Any, TypeVar

import tyro

from sb3_prune.exceptions import ConfigError

T = TypeVar("T")


class UsageError(ConfigError):
    """The command line has an unknown option, or an option has an invalid value."""


def parse(options: type[T], arguments: Sequence[str], command: str) -> T:
    """Fill a dataclass from the command line.

    Args:
        options: Dataclass with a docstring under each field.
        arguments: Arguments after the name of the command.
        command: Name of the command, for help and error messages.

    Raises:
        UsageError: The arguments do not fit the dataclass.
        SystemExit: ``--help`` was given, and the help was printed.
    """
    program = f"sb3-prune {command}"
    errors = io.StringIO()
    markers: Any = (tyro.conf.FlagCreatePairsOff, tyro.conf.HelptextFromCommentsOff)
    try:
        with contextlib.redirect_stderr(errors):
            return tyro.cli(options, args=arguments, prog=program, config=markers)
    except SystemExit as stop:
        if not stop.code:
            raise
        message = summarize(errors.getvalue())
        raise UsageError(f"{message} See {program} --help.") from None


def flag(name: str) -> str:
    """Return the name of a field as it is on the command line: ``--n-envs``."""
    return f"--{name.replace('_', '-')}"


def summarize(box: str) -> str:
    """Return the content of one of tyro's framed error messages in one line.

    Horizontal lines divide the frame into blocks: first the mistake, then similar
    options, then where to find help. Options in a block are followed by their help
    texts, which are left out here. Some terminals can only draw the frame in ASCII. In
    any case, a row of text begins with a border and a space.
    """
    rows = [row[1:].rstrip("│ ") for row in box.splitlines() if row[1:2] == " "]
    blocks = re.split(r"^ [─-]+$", "\n".join(rows), flags=re.MULTILINE)
    headline, options = blocks[0].strip(), _options(blocks[0])
    if options:
        headline = f"{headline.splitlines()[0]} {', '.join(options)}"
    hints = [block for block in blocks[1:] if re.search("similar|meant", block)]
    similar = [option for block in hints for option in _options(block)]
    guess = f" Did you mean {' or '.join(similar)}?" if similar else ""
    return " ".join(f"{headline.rstrip('.')}.{guess}".split())


def _options(block: str) -> list[str]:
    """Return the options of a block: five spaces before them, more before help."""
    return re.findall(r"^ {5}(\S+)", block, flags=re.MULTILINE)
