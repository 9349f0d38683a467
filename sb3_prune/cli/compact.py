"""``sb3-prune compact``: turn a pruned agent into a plain SB3 zip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sb3_prune.cli.options import SavedAgentOptions
from sb3_prune.cli.parsing import parse
from sb3_prune.cli.plain import loads_equal, save_plain
from sb3_prune.cli.zips import read_zip
from sb3_prune.exceptions import CompactError, RunFolderError
from sb3_prune.runs.folder import STATISTICS


@dataclass(frozen=True, kw_only=True)
class CompactOptions(SavedAgentOptions):
    """Turn a pruned agent into a zip that loads where sb3-prune is not installed."""

    out: Path
    """Zip to write; it must not exist."""
    overwrite: bool = False
    """Replace the file if it exists."""
    verify: bool = False
    """Load the zip in a new process without sb3-prune, and compare actions."""


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SB3PruneError: The input is bad and nothing was written, or the zip failed its
            verification.
    """
    options = parse(CompactOptions, arguments, "compact")
    _check_target(options.out, overwrite=options.overwrite)
    model = read_zip(options.model, options.algo).load()
    plain = save_plain(model, options.out)
    package, name = type(plain).__module__.partition(".")[0], type(plain).__name__
    print(f"{options.out} is written: load it by {package}.{name}.load")
    for folder in (options.model.with_suffix(""), options.model.parent):
        if (folder / STATISTICS).is_file() and folder != options.out.parent:
            print(f"Its observations must be normalised by {folder / STATISTICS}")
    if options.verify:
        if not loads_equal(model, plain, options.out):
            raise CompactError(f"'{options.out}' acts differently from the original.")
        print("It loads without sb3-prune, and its actions are equal.")


def _check_target(path: Path, *, overwrite: bool) -> None:
    if path.is_dir() or not path.resolve().parent.is_dir():
        raise RunFolderError(f"'{path}' must be a file in a folder that exists.")
    if path.exists() and not overwrite:
        raise RunFolderError(
            f"'{path}' exists: choose another file, or pass --overwrite."
        )
