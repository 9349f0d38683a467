"""Compilers of C on this machine, and what they make of a header."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sb3_prune.exceptions import ExportError

NAMES = ("cc", "gcc", "clang", "tcc")
"""Compilers that are looked for, after the one that the variable CC names."""
FAST = ("-O3", "-march=native")
"""Options for speed; a compiler that does not know them compiles without."""


def compiler() -> list[str]:
    """Return the command that the variable CC gives, else the first of :data:`NAMES`.

    Raises:
        ExportError: There is none, or not the one that CC names.
    """
    found = [name for name in NAMES if shutil.which(name)]
    if given := os.environ.get("CC", "").strip():
        named = _words(given)
        if not named or not shutil.which(named[0]):
            raise ExportError(
                f"The environment variable CC is {given!r}, and there is no such "
                f"compiler. There are: {', '.join(found) or '(none)'}."
            )
        return named
    if not found:
        raise ExportError(
            "A C export is run by compiling it, and there is no compiler: install one "
            f"of {', '.join(NAMES)}, or name one in the environment variable CC."
        )
    return found[:1]


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # A quotation that does not end.
        return []


def shared_library(source: Path, target: Path) -> None:
    """Compile a file to a shared library.

    Raises:
        ExportError: There is no compiler, or it refuses the file.
    """
    command = [*compiler(), "-std=c99", "-shared", "-fPIC"]
    ends = [str(source), "-o", str(target), "-lm"]
    failed = ""
    for options in (FAST, ()):
        failed = _failure([*command, *options, *ends])
        if not failed:
            return
    raise ExportError(f"'{source.name}' does not compile: {failed}")


def _failure(command: Sequence[str]) -> str:
    """Run a compiler; return the end of what it says if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    if not done.returncode:
        return ""
    return done.stderr.strip()[-500:] or f"exit status {done.returncode}"
