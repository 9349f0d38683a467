"""Errors of sb3-prune: one root, one class per mistake.

Every message names the offending value, what was expected and what exists.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SB3PruneError(Exception):
    """Root of every error that sb3-prune raises on purpose."""


class UnknownNameError(SB3PruneError, LookupError):
    """A strategy, layer, environment or algorithm of that name does not exist."""

    def __init__(
        self, kind: str, name: str, known: Iterable[str], hint: str = ""
    ) -> None:
        names = sorted(known)
        close = difflib.get_close_matches(name, names, n=1)
        guess = f" Did you mean '{close[0]}'?" if close else ""
        listing = ", ".join(names) or "(none)"
        tail = f" {hint}" if hint else ""
        super().__init__(f"Unknown {kind} '{name}'.{guess} Known: {listing}.{tail}")
        self.name = name


class NameConflictError(SB3PruneError):
    """Two plug-ins registered different classes under one name."""


class PluginError(SB3PruneError):
    """A plug-in breaks the contract of the hooks."""


class UnsupportedPolicyError(SB3PruneError, TypeError):
    """The policy's networks are not known to sb3-prune."""


class PlanError(SB3PruneError, ValueError):
    """A plan does not fit the network: nothing was changed."""


class ConfigError(SB3PruneError, ValueError):
    """A configuration value is outside its range."""


class CompactError(SB3PruneError, ValueError):
    """The network cannot be said with a stock SB3 policy."""


class NonFiniteError(SB3PruneError, ValueError):
    """A weight or an observation is NaN or infinite."""


class NoObservationsError(SB3PruneError, RuntimeError):
    """The model has seen nothing yet: there are no observations to record on."""


class CheckpointError(SB3PruneError, OSError):
    """A saved agent cannot be read, or belongs to other spaces or versions."""


class RunFolderError(SB3PruneError, FileExistsError):
    """The run folder already exists."""
