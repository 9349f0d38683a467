"""Files that are whole or absent: write beside the target, then rename."""

from __future__ import annotations

import secrets
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


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a whole file, or leave the old one as it was."""
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | Path, text: str) -> None:
    """Write a whole UTF-8 text file, or leave the old one as it was."""
    write_bytes(path, text.encode())
