"""Outputs: a folder of numbers and pictures, written whole or not at all."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from sb3_prune.exceptions import RunFolderError
from sb3_prune.files import atomic_folder, write_bytes
from sb3_prune.runs.folder import check_free


def check_out(folder: Path, mark: str, *, overwrite: bool) -> None:
    """Check that results may go to a folder.

    Args:
        folder: The folder.
        mark: File that every folder of such results has.
        overwrite: Whether older results may be replaced.

    Raises:
        RunFolderError: It exists, and may not be overwritten or holds something else.
    """
    if not folder.exists():
        check_free(folder)
    elif not (folder / mark).is_file():
        raise RunFolderError(f"'{folder}' exists and has no {mark}: choose another.")
    elif not overwrite:
        raise RunFolderError(
            f"Folder '{folder}' exists: choose another by --out, or pass --overwrite."
        )


def as_json(content: Mapping[str, Any]) -> bytes:
    """Return numbers as the content of a file."""
    return (json.dumps(content, indent=2) + "\n").encode()


def as_png(figure: Figure) -> bytes:
    """Return a figure as the content of a file."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def publish(
    folder: Path, files: Mapping[str, bytes], stale: Iterable[str] = ()
) -> None:
    """Make a folder whole or not at all; in one that exists, replace file by file.

    Args:
        folder: The folder.
        files: Name -> content.
        stale: Names of files to remove, left by older results.
    """
    if folder.exists():
        for name in stale:
            (folder / name).unlink(missing_ok=True)
        for name, content in files.items():
            write_bytes(folder / name, content)
        return
    with atomic_folder(folder) as temporary:
        for name, content in files.items():
            (temporary / name).write_bytes(content)
