"""Plug-in infos: origin and status of each plug-in."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Literal

DISABLE = "SB3_PRUNE_DISABLE_PLUGINS"
"""Environment variable with the names of plug-ins that are not loaded."""
_OWN = "sb3-prune"


@dataclass(frozen=True, kw_only=True)
class PluginInfo:
    """Origin, status and classes of a plug-in."""

    name: str
    """Name of the entry point, or the name passed to ``add_plugin``."""
    distribution: str = ""
    """Name of the distribution that installed it; empty if it was added by hand."""
    version: str = ""
    """Version of the distribution."""
    status: Literal["active", "disabled", "failed"] = "active"
    """Whether the classes of the plug-in can be used."""
    reason: str = ""
    """Why the classes cannot be used; empty if they can."""
    registered: Mapping[str, list[str]] = field(default_factory=dict)
    """Kind -> names of the classes that the plug-in registered."""

    def __str__(self) -> str:
        origin = f"{self.distribution} {self.version}".strip() or "added by hand"
        return f"'{self.name}' ({origin})"

    @property
    def switch(self) -> str:
        """Environment variable setting, or call, that leaves the plug-in out."""
        if self.distribution:
            return f"{DISABLE}={self.name}"
        return f"remove_plugin('{self.name}')"


def info_of(entry: EntryPoint) -> PluginInfo:
    """Return the name and origin of the plug-in that an entry point refers to."""
    if entry.dist is None:
        return PluginInfo(name=entry.name)
    name, version = entry.dist.name, entry.dist.version
    return PluginInfo(name=entry.name, distribution=name, version=version)


def rank(info: PluginInfo) -> tuple[bool, str, str]:
    """Return a key that identifies a plug-in and gives the order of loading.

    Our own plug-ins come first, so that no other plug-in can take their names.
    """
    return _normal(info.distribution) != _OWN, info.name, info.distribution


def is_disabled(info: PluginInfo) -> bool:
    """Tell whether the environment variable :data:`DISABLE` leaves a plug-in out."""
    blocked = {_normal(name) for name in os.environ.get(DISABLE, "").split(",")} - {""}
    own = _normal(info.distribution) == _OWN
    names = {_normal(info.name), _normal(info.distribution)}
    return bool(names & blocked) or ("all" in blocked and not own)


def _normal(name: str) -> str:
    """Normalise a name as package indices do."""
    return re.sub(r"[-_.]+", "-", name).strip().lower()
