"""Checksums: tell a damaged file from the one that was written.

A file that has its own checksum holds :data:`BLANK` while that is computed, so that the
checksum covers every other byte.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

KEY = "checksum"
"""Name of the entry of a file that holds its checksum."""
BLANK = "?" * 64
"""What stands in place of a file's checksum while it is computed."""
_PLACE = re.compile(rf'("{KEY}": ?"){re.escape(BLANK)}'.encode())


def seal(data: bytes) -> bytes:
    """Put the checksum of a file in place of the first :data:`BLANK` of that name.

    Names that a user chose may look like it: JSON escapes the quotes in them.
    """
    checksum = hashlib.sha256(data).hexdigest().encode()
    return _PLACE.sub(lambda found: found[1] + checksum, data, count=1)


def is_whole(data: bytes, checksum: object) -> bool:
    """Tell whether :func:`seal` made these bytes.

    Args:
        data: Content of a file.
        checksum: What the file says its checksum is.
    """
    if not isinstance(checksum, str):
        return False
    blank = data.replace(checksum.encode(errors="replace"), BLANK.encode(), 1)
    return hashlib.sha256(blank).hexdigest() == checksum


def checksum_of(path: Path) -> str:
    """Return the checksum of a whole file, which stands in another one."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
