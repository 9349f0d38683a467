"""A plug-in for another version of the hooks."""

from sb3_prune.plugins import hookimpl

sb3_prune_api = 0


@hookimpl
def register_strategies(register):
    """Register nothing."""
