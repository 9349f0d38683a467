"""A plug-in that misspells a hook."""

from sb3_prune.plugins import hookimpl


@hookimpl
def register_strategy(register):
    """Register nothing."""
