"""Random damages of files, always the same ones."""

from __future__ import annotations

import random
from collections.abc import Iterator


def damages(data: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield versions of a file: some with a flipped bit, some truncated."""
    rng = random.Random(seed)
    for number in range(count):
        place = rng.randrange(len(data))
        flipped = bytes([data[place] ^ 1 << rng.randrange(8)])
        rest = b"" if number % 4 == 0 else flipped + data[place + 1 :]
        yield data[:place] + rest
