"""Write files and folders completely or not at all.

Everything is written under a temporary name beside the target and then renamed.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sb3_prune.exceptions import ConfigError, require_path


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Name a file or folder in errors that name none, as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that is renamed to ``path`` if the block succeeds.

    The temporary name keeps the suffix, because some writers choose the format by it.

    Raises:
        ConfigError: The path names no file.
    """
    require_path("The name of a file", path)
    target = Path(path)
    if not target.name:
        raise ConfigError(f"'{path}' names no file.")
    # Files of the module tempfile would be readable by their owner only.
    unique = f".{target.stem}-{secrets.token_hex(8)}{target.suffix}"
    temporary = target.with_name(unique)
    try:
        with naming(target):
            yield temporary
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to ``path`` if the block succeeds.

    Missing parent folders are created. The content is flushed to the disk before the
    folder gets its final name, so a crash cannot leave an incomplete ``path``.

    Args:
        path: A folder that does not exist yet.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = hidden(target)
    try:
        with naming(target):
            temporary.mkdir()
            yield temporary
            _flush(*temporary.iterdir(), temporary)
            temporary.rename(target)
            _flush(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def hidden(path: Path) -> Path:
    """Return an unused path beside ``path`` whose name starts with a dot."""
    return path.with_name(f".{path.name}-{secrets.token_hex(8)}")


def unhidden(name: str) -> str | None:
    """Return the name for which :func:`hidden` may have made this one; None if none."""
    found = re.fullmatch(r"\.(.+)-[0-9a-f]{16}", name)
    return found and found[1]


def _flush(*paths: Path) -> None:
    """Wait until files and folders are on the disk."""
    for path in paths:
        if path.is_dir() and os.name == "nt":
            continue  # Windows cannot open folders as files.
        handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file; if that fails, leave the old one as it was."""
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file; if that fails, leave the old one as it was."""
    write_bytes(path, text.encode())
