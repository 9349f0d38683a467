"""Interrupts: Ctrl-C while packages are imported."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""Exit code of a process that Ctrl-C has ended."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end the process at once: libraries may swallow it while they load."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread gets signals.
        return
    before = signal.signal(signal.SIGINT, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _stop(*_: object) -> None:
    os.write(2, b"sb3-prune: interrupted\n")
    os._exit(INTERRUPTED)
