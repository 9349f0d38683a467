"""A plug-in that needs what is not installed."""

import sb3_prune_is_not_this  # noqa: F401
