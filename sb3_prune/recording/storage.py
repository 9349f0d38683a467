"""Storage: arrays of zeros, in memory or in a file that vanishes with them."""

from __future__ import annotations

import math
import shutil
import tempfile

import numpy as np
from numpy.typing import NDArray

from sb3_prune.exceptions import ConfigError

Array = NDArray[np.float32]


class Storage:
    """Hands out arrays of zeros for a recording whose size is known beforehand.

    On disk each array is a temporary file without a name: it lives as long as the array
    or a view of it, and is gone afterwards, even if the process is killed. The
    environment variable ``TMPDIR`` says where.

    Args:
        numbers: How many float32 numbers all arrays hold together.
        memory_limit: Bytes above which they go to disk.

    Raises:
        ConfigError: They fit neither in the limit nor on the disk.
    """

    def __init__(self, numbers: int, memory_limit: int) -> None:
        needed = numbers * np.dtype(np.float32).itemsize
        self.on_disk = needed > memory_limit
        folder = tempfile.gettempdir()
        # A memory map that outgrows its disk kills the process: ask in time.
        if self.on_disk and needed > (free := shutil.disk_usage(folder).free):
            raise ConfigError(
                f"The recording may need {needed / 1e9:.1f} GB, but {folder} has "
                f"{free / 1e9:.1f} GB: record fewer episodes, lower max_steps, or set "
                "TMPDIR to a larger disk."
            )

    def zeros(self, *shape: int) -> Array:
        """Return a new array of zeros."""
        if not self.on_disk or math.prod(shape) == 0:
            return np.zeros(shape, dtype=np.float32)
        with tempfile.TemporaryFile(prefix="sb3-prune-") as file:
            mapped = np.memmap(file, np.float32, "w+", shape=shape)
        return np.asarray(mapped)
