"""Files and folders that are whole or absent: write beside the target, then rename."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that becomes ``path`` if the block succeeds.

    The temporary name keeps the suffix, so that writers which look at it still work.
    """
    target = Path(path)
    # Not tempfile: its files are readable by their owner only.
    unique = f".{target.stem}-{secrets.token_hex(8)}{target.suffix}"
    temporary = target.with_name(unique)
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path`` if the block succeeds.

    Folders above it are made. What is in it is on the disk before it gets its name.

    Args:
        path: A folder that does not exist yet.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = hidden(target)
    try:
        temporary.mkdir()
        yield temporary
        _flush(*temporary.iterdir(), temporary)
        temporary.rename(target)
        _flush(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def hidden(path: Path) -> Path:
    """Return a path beside another one that nobody uses and listings do not show."""
    return path.with_name(f".{path.name}-{secrets.token_hex(8)}")


def _flush(*paths: Path) -> None:
    """Wait until files and folders are on the disk."""
    for path in paths:
        if path.is_dir() and os.name == "nt":
            continue  # Windows cannot open folders.
        handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a whole file, or leave the old one as it was."""
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | Path, text: str) -> None:
    """Write a whole UTF-8 text file, or leave the old one as it was."""
    write_bytes(path, text.encode())
