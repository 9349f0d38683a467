"""Plug-in infos: where a plug-in comes from, and whether it may be used."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Literal

DISABLE = "SB3_PRUNE_DISABLE_PLUGINS"
"""Environment variable that names plug-ins to leave out."""
_OWN = "sb3-prune"


@dataclass(frozen=True, kw_only=True)
class PluginInfo:
    """What is known of a plug-in."""

    name: str
    """Name of its entry point, or the one it was added by."""
    distribution: str = ""
    """The distribution it is installed by; empty if it was added by hand."""
    version: str = ""
    """Version of the distribution."""
    status: Literal["active", "disabled", "failed"] = "active"
    """Whether its classes can be used."""
    reason: str = ""
    """Why they cannot."""
    registered: Mapping[str, list[str]] = field(default_factory=dict)
    """Names of its classes by kind."""

    def __str__(self) -> str:
        origin = f"{self.distribution} {self.version}".strip() or "added by hand"
        return f"'{self.name}' ({origin})"

    @property
    def switch(self) -> str:
        """What leaves the plug-in out."""
        if self.distribution:
            return f"{DISABLE}={self.name}"
        return f"remove_plugin('{self.name}')"


def info_of(entry: EntryPoint) -> PluginInfo:
    """Return what an entry point says of its plug-in."""
    if entry.dist is None:
        return PluginInfo(name=entry.name)
    name, version = entry.dist.name, entry.dist.version
    return PluginInfo(name=entry.name, distribution=name, version=version)


def rank(info: PluginInfo) -> tuple[bool, str, str]:
    """Identify a plug-in; ours sort first, so that no other takes their names."""
    return _normal(info.distribution) != _OWN, info.name, info.distribution


def is_disabled(info: PluginInfo) -> bool:
    """Tell whether the environment leaves a plug-in out."""
    blocked = {_normal(name) for name in os.environ.get(DISABLE, "").split(",")} - {""}
    own = _normal(info.distribution) == _OWN
    names = {_normal(info.name), _normal(info.distribution)}
    return bool(names & blocked) or ("all" in blocked and not own)


def _normal(name: str) -> str:
    """Normalise a name as package indices do."""
    return re.sub(r"[-_.]+", "-", name).strip().lower()
