"""A plug-in that is none."""


def strategies():
    """Return nothing."""
