"""Storage: arrays of zeros, in memory or in temporary files."""

from __future__ import annotations

import math
import shutil
import tempfile

import numpy as np
from numpy.typing import NDArray

from sb3_prune.exceptions import ConfigError

Array = NDArray[np.float32]


class Storage:
    """Creates arrays of zeros for a recording whose size is known beforehand.

    If the arrays are too large for the memory limit, each one is a temporary file
    without a name. The file exists as long as the array or a view of it, and the system
    deletes it even if the process is killed. The environment variable ``TMPDIR``
    chooses the folder.

    Args:
        numbers: Number of float32 entries of all arrays together.
        memory_limit: If the arrays need more bytes than this, they are kept on disk.

    Raises:
        ConfigError: The arrays fit neither in the memory limit nor on the disk.
    """

    def __init__(self, numbers: int, memory_limit: int) -> None:
        needed = numbers * np.dtype(np.float32).itemsize
        self.on_disk = needed > memory_limit
        folder = tempfile.gettempdir()
        # Writing to a memory map on a full disk kills the process, so check beforehand.
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
