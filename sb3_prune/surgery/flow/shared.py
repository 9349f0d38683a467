"""Shared: settings of torch that hold for all threads, changed while any needs it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any


class Shared:
    """A block that changes settings of the whole process, and may overlap with itself.

    Two threads that each put back what they found would leave the settings of the
    first for good. Here the first who enters changes them, and the last who leaves puts
    back what was before.

    Args:
        change: Makes the context manager that changes the settings.
    """

    def __init__(self, change: Callable[[], AbstractContextManager[Any]]) -> None:
        self._change = change
        self._lock, self._inside = threading.Lock(), 0
        self._changed: AbstractContextManager[Any]

    def __enter__(self) -> None:
        """Change the settings, unless somebody else has."""
        with self._lock:
            if not self._inside:
                changed = self._change()
                changed.__enter__()
                self._changed = changed
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        """Put the settings back, unless somebody else needs them."""
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._changed.__exit__(None, None, None)
