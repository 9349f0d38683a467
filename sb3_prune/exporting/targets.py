"""Targets: files and folders of exports that appear whole, or stay as they were."""

from __future__ import annotations

import os
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
    if not target.name or not _real(target).parent.is_dir():
        raise RunFolderError(f"'{target}' must be in a folder that exists.")
    if target.exists() and not (overwrite and exporter.wrote(target)):
        raise RunFolderError(
            f"'{target}' exists: choose another path, or pass overwrite if it is an "
            f"older export as '{exporter.name}'."
        )
    return target


@contextmanager
def replacing(target: Path, exporter: Exporter) -> Iterator[Path]:
    """Yield a temporary path, which gets the name of the target at the end.

    Of a link, what it leads to is replaced.

    Raises:
        RunFolderError: It cannot be written, or a folder holds files besides those of
            an export; it stays as it was.
    """
    real = _real(target)
    try:
        if exporter.suffix:
            with atomic(real) as temporary:
                yield temporary
        elif real.exists():
            with _beside(real) as temporary:
                yield temporary
        else:
            with atomic_folder(real) as temporary:
                yield temporary
    except SB3PruneError:
        raise
    except OSError as error:
        raise RunFolderError(f"'{target}' cannot be written: {error}.") from error


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve fails at circles of links.


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of an older one at the end."""
    new = hidden(target)
    try:
        with atomic_folder(new) as temporary:
            yield temporary
        check_same_files(new, target)
        _swap(new, target)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def check_same_files(new: Path, old: Path) -> None:
    """Check that an older folder has no files but those of a new export.

    Raises:
        RunFolderError: It has others.
    """
    if not old.is_dir():
        return
    ours, there = _files(new), _files(old)
    if others := sorted(there - ours):
        raise RunFolderError(
            f"'{old}' holds {', '.join(others)} besides the export: move that away, or "
            f"choose another folder. An export has {', '.join(sorted(ours))}."
        )


def _files(folder: Path) -> set[str]:
    """Return what is in a folder, without what Python compiles."""
    found = (each.relative_to(folder) for each in folder.rglob("*"))
    return {str(each) for each in found if "__pycache__" not in each.parts}


def _swap(new: Path, target: Path) -> None:
    """Let a folder take the place of another one, or leave that where it is."""
    old = hidden(target)
    target.rename(old)
    try:
        new.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old)


def empty(path: Path) -> None:
    """Remove what was written to be checked."""
    if path.is_dir():
        for each in path.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    else:
        path.unlink()
