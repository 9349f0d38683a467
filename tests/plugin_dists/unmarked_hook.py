"""A plug-in that forgets the decorator of one hook of two."""

from sb3_prune.plugins import hookimpl


@hookimpl
def register_strategies(register):
    """Register nothing."""


def register_analyses(register):
    """Register nothing."""
