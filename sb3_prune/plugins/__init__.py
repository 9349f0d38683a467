"""Look-ups: the classes of the installed plug-ins, by kind and name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from sb3_prune.plugins.command import Command as Command
from sb3_prune.plugins.hookspecs import hookimpl as hookimpl
from sb3_prune.plugins.host import PluginHost as PluginHost
from sb3_prune.plugins.host import PluginWarning as PluginWarning
from sb3_prune.plugins.info import PluginInfo as PluginInfo
from sb3_prune.plugins.pluggable import Pluggable as Pluggable

if TYPE_CHECKING:
    from sb3_prune.analysis.base import Analysis
    from sb3_prune.strategies.base import Strategy


@cache
def default_host() -> PluginHost:
    """Return the host of all installed plug-ins, which the functions below use."""
    return PluginHost()


def strategies() -> Mapping[str, type[Strategy]]:
    """Return the registered strategies by name, sorted."""
    return cast("Mapping[str, type[Strategy]]", classes("strategies"))


def analyses() -> Mapping[str, type[Analysis]]:
    """Return the registered analyses by name, sorted."""
    return cast("Mapping[str, type[Analysis]]", classes("analyses"))


def screeners() -> Mapping[str, type[Pluggable]]:
    """Return the registered screeners by name, sorted."""
    return classes("screeners")


def exporters() -> Mapping[str, type[Pluggable]]:
    """Return the registered exporters by name, sorted."""
    return classes("exporters")


def commands() -> Mapping[str, type[Command]]:
    """Return the registered subcommands by name, sorted."""
    return cast("Mapping[str, type[Command]]", classes("commands"))


def classes(kind: str) -> Mapping[str, type[Pluggable]]:
    """Return the registered classes of a kind; see :meth:`PluginHost.classes`."""
    return default_host().classes(kind)


def get(kind: str, name: str) -> type[Pluggable]:
    """Return a registered class; see :meth:`PluginHost.get`."""
    return default_host().get(kind, name)


def make(kind: str, name: str, config: Any = None) -> Pluggable:
    """Build an instance of a registered class; see :meth:`PluginHost.make`."""
    return default_host().make(kind, name, config)


def installed() -> list[PluginInfo]:
    """List all plug-ins; see :meth:`PluginHost.installed`."""
    return default_host().installed()


def add_plugin(plugin: object, name: str | None = None) -> None:
    """Add a plug-in that is not installed; see :meth:`PluginHost.add`."""
    default_host().add(plugin, name)


def remove_plugin(plugin: object) -> None:
    """Remove a plug-in, given as object or name; see :meth:`PluginHost.remove`."""
    default_host().remove(plugin)
