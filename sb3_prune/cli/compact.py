"""``sb3-prune compact``: turn a pruned agent into a plain SB3 zip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sb3_prune.cli.lines import CompactOptions
from sb3_prune.cli.parsing import parse
from sb3_prune.cli.places import find_surroundings
from sb3_prune.cli.plain import save_plain
from sb3_prune.cli.zips import read_zip
from sb3_prune.exceptions import ConfigError, RunFolderError
from sb3_prune.runs.folder import check_creatable


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SB3PruneError: The input is bad, or the zip failed its verification; nothing
            was written.
    """
    options = parse(CompactOptions, arguments, "compact")
    check_creatable(options.out)
    out = with_suffix(options.out)
    check_target(out, overwrite=options.overwrite)
    saved = read_zip(options.model, options.algo)
    model = saved.load()
    plain = save_plain(model, out, verify=options.verify)
    package, name = type(plain).__module__.partition(".")[0], type(plain).__name__
    print(f"{out} is written: load it by {package}.{name}.load")
    statistics = _statistics_of(saved.path)
    if statistics not in (None, _statistics_of(out)):
        print(f"Wrap its environment in the VecNormalize of {statistics}")
    if options.verify:
        print("It loads without sb3-prune, and its actions are equal.")


def _statistics_of(path: Path) -> Path | None:
    """Return the statistics that belong to a zip; None if there are none."""
    try:
        return find_surroundings(path).statistics
    except ConfigError:  # Somebody else's YAML is no reason to write nothing.
        return None


def with_suffix(path: Path) -> Path:
    """Return a path as SB3 saves to it: without a suffix it gets ``.zip``."""
    special = path.exists() and not path.is_file()
    return path if path.suffix or special else Path(f"{path}.zip")


def check_target(path: Path, *, overwrite: bool) -> None:
    """Check that a zip can be written to a path.

    Raises:
        RunFolderError: It cannot, or there is a file already.
    """
    check_creatable(path)
    # A device must not be replaced by a file.
    if not path.parent.is_dir() or (path.exists() and not path.is_file()):
        raise RunFolderError(f"'{path}' must be a file in a folder that exists.")
    if path.exists() and not overwrite:
        raise RunFolderError(
            f"'{path}' exists: choose another file, or pass --overwrite."
        )
