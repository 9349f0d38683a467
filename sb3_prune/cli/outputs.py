"""Outputs: write a folder of numbers and pictures completely or not at all."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from sb3_prune.exceptions import RunFolderError
from sb3_prune.files import atomic_folder, naming, write_bytes
from sb3_prune.runs import strict
from sb3_prune.runs.folder import check_free


def check_out(folder: Path, mark: str, *, overwrite: bool) -> None:
    """Check that results may be written to a folder.

    Args:
        folder: The folder.
        mark: Name of a file that every folder with results of this kind has.
        overwrite: Whether older results may be replaced.

    Raises:
        RunFolderError: The folder exists, and ``overwrite`` is false or it has no such
            file; or it cannot be created.
    """
    if not folder.exists():
        check_free(folder)
    elif not (folder / mark).is_file():
        raise RunFolderError(
            f"'{folder}' exists and has no {mark}: choose another folder."
        )
    elif not overwrite:
        raise RunFolderError(
            f"Folder '{folder}' exists: choose another folder by --out, or pass "
            "--overwrite."
        )


def as_json(content: Mapping[str, Any]) -> bytes:
    """Return the bytes of a JSON file with the given content."""
    return (strict.dumps(content) + "\n").encode()


def as_png(figure: Figure) -> bytes:
    """Return the bytes of a PNG file with the given figure."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def publish(
    folder: Path, files: Mapping[str, bytes], stale: Iterable[str] = ()
) -> None:
    """Write a folder of files.

    A new folder appears only when it is complete. In a folder that exists, the files
    are replaced one by one.

    Args:
        folder: The folder.
        files: Name -> content of every file.
        stale: Names of files of older results that are removed.
    """
    if folder.exists():
        for name in stale:
            (folder / name).unlink(missing_ok=True)
        for name, content in files.items():
            write_bytes(folder / name, content)
        return
    with atomic_folder(folder) as temporary:
        for name, content in files.items():
            with naming(folder / name):
                (temporary / name).write_bytes(content)
