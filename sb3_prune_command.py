"""Start of the command ``sb3-prune``, which can be interrupted while it imports.

It stands beside the package, because importing the package takes seconds.
"""

import os
import signal
from importlib import import_module
from typing import Any


def main() -> int:
    """Run the command and return its exit code."""
    before = signal.signal(signal.SIGINT, _stop)
    command: Any = import_module("sb3_prune.cli")
    signal.signal(signal.SIGINT, before)
    code: int = command.main()
    return code


def _stop(*_: object) -> None:
    """End at once: libraries may swallow a KeyboardInterrupt while they load."""
    os.write(2, b"sb3-prune: interrupted\n")
    os._exit(130)
