"""A plug-in that asks for more than the hook gives."""

from sb3_prune.plugins import hookimpl


@hookimpl
def register_strategies(register, model):
    """Register nothing."""
