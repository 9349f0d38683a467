"""Targets: files and folders of exports that appear whole, or stay as they were."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sb3_prune.exceptions import RunFolderError, SB3PruneError, require_path
from sb3_prune.exporting.base import Exporter
from sb3_prune.files import atomic, atomic_folder, hidden
from sb3_prune.runs.folder import check_creatable


def check_path(path: str | Path, exporter: Exporter, *, overwrite: bool) -> Path:
    """Return the path to write, with the suffix of the exporter if it has none.

    Raises:
        RunFolderError: It cannot be written, or there is something already.
    """
    require_path("path", path)
    given = Path(path)
    target = given
    if given.name and given.suffix != exporter.suffix and exporter.suffix:
        target = given.with_name(given.name + exporter.suffix)
    check_creatable(target)
    if not target.name or not target.parent.is_dir():
        raise RunFolderError(f"'{target}' must be in a folder that exists.")
    if target.exists() and not (overwrite and exporter.wrote(target)):
        raise RunFolderError(
            f"'{target}' exists: choose another path, or pass overwrite if it is an "
            f"older export as '{exporter.name}'."
        )
    return target


@contextmanager
def replacing(target: Path, exporter: Exporter) -> Iterator[Path]:
    """Yield a temporary path, which gets the name of the target at the end."""
    try:
        if exporter.suffix:
            with atomic(target) as temporary:
                yield temporary
        elif target.exists():
            new, old = hidden(target), hidden(target)
            with atomic_folder(new) as temporary:
                yield temporary
            target.rename(old)
            new.rename(target)
            shutil.rmtree(old)
        else:
            with atomic_folder(target) as temporary:
                yield temporary
    except SB3PruneError:
        raise
    except OSError as error:
        raise RunFolderError(f"'{target}' cannot be written: {error}.") from error


def empty(path: Path) -> None:
    """Remove what was written to be checked."""
    if path.is_dir():
        for each in path.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    else:
        path.unlink()
