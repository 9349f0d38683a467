"""Parsing: dataclasses become command lines, mistakes become one line."""

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
    """The command line has an option that does not exist, or a value that is none."""


def parse(options: type[T], arguments: Sequence[str], command: str) -> T:
    """Fill a dataclass from the command line.

    Args:
        options: Dataclass with a docstring under each field.
        arguments: What follows the command.
        command: Its name, for help and errors.

    Raises:
        UsageError: The arguments do not fit.
        SystemExit: Help was asked for, and printed.
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


def summarize(box: str) -> str:
    """Return what one of tyro's framed error messages says, in one line.

    The frame has blocks between rules: what is wrong, then similar options, then where
    to find help. Options in a block come with their help, which is left out. Lines are
    drawn in ASCII where the terminal knows no other; either way a row of text begins
    with a border and a space.
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
    """Return the options of a block: they are indented, their help is so twice."""
    return re.findall(r"^ {5}(\S+)", block, flags=re.MULTILINE)
