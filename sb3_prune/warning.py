"""Warnings that show the line of the user's code that led to them."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

LIBRARIES = frozenset(
    ("sb3_prune", "stable_baselines3", "sb3_contrib", "torch", "contextlib")
)
"""Packages whose code lies between a user's call and a warning, besides plug-ins."""
PLUGIN = "sb3_prune_"
"""Beginning of the names of packages with plug-ins."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Give a warning that shows the innermost line outside of libraries.

    That is the line that called ``learn()``, :func:`~sb3_prune.prune` or the like, and
    not a line of a callback that the user has never seen. Python shows an equal warning
    only once per line, so a line of ours would hide those of a script's other agents.
    If one line trains them all, in a loop, an equal warning is still shown once.

    Args:
        message: What is to be said.
        category: Class of the warning.
    """
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_library(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_library(frame: FrameType) -> bool:
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return package in LIBRARIES or package.startswith(PLUGIN)
