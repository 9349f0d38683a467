"""The command ``sb3-prune``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from sb3_prune.cli.interrupts import interruptible


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; see :func:`sb3_prune.cli.dispatch.main`."""
    with interruptible():
        dispatch = import_module("sb3_prune.cli.dispatch")
    code: int = dispatch.main(arguments)
    return code
