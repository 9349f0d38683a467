"""Snapshot: arrays and values in one safetensors file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from sb3_prune.exceptions import CheckpointError

FORMAT = 1

Arrays = dict[str, NDArray[Any]]


@contextmanager
def damage(path: Path) -> Iterator[None]:
    """Name the file whose content raises an error.

    Raises:
        CheckpointError: Instead of any other error.
    """
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:  # Nonsense raises any exception.
        raise CheckpointError(f"'{path}' is missing or damaged: {error!r}.") from error


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Content of one file: arrays, and values that JSON can store."""

    arrays: Mapping[str, NDArray[Any]]
    """Arrays of numbers by name. They are views of the model's arrays, not copies."""
    values: Mapping[str, Any]
    """All other values by name."""

    def write(self, path: Path) -> None:
        """Write the snapshot to a safetensors file."""
        arrays = {name: np.asarray(a, order="C") for name, a in self.arrays.items()}
        head = {"format": str(FORMAT), "values": json.dumps(self.values)}
        save_file(arrays, path, metadata=head)

    @classmethod
    def read(cls, path: Path) -> Snapshot:
        """Read a file that :meth:`write` wrote.

        Raises:
            CheckpointError: The file is missing, truncated or of another kind.
        """
        with damage(path):
            with safe_open(path, framework="np") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                head = file.metadata() or {}
            return cls(arrays=arrays, values=dict(json.loads(head["values"])))
