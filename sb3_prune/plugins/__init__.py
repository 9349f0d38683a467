"""Look-ups: the classes of the installed plug-ins, by kind and name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from sb3_prune.plugins.command import Command as Command
from sb3_prune.plugins.hookspecs import hookimpl as hookimpl
from sb3_prune.plugins.host import PluginHost as PluginHost
from sb3_prune.plugins.host import PluginWarning as PluginWarning
from sb3_prune.plugins.info import PluginInfo as PluginInfo
from sb3_prune.plugins.pluggable import Pluggable as Pluggable

if TYPE_CHECKING:
    from sb3_prune.analysis.base import Analysis
    from sb3_prune.exporting.base import Exporter
    from sb3_prune.screening.base import Screener
    from sb3_prune.strategies.base import Strategy


HOST = PluginHost()
"""The host of all installed plug-ins; whatever follows asks it."""
classes, get, make, installed = HOST.classes, HOST.get, HOST.make, HOST.installed
left_out = HOST.left_out
add_plugin, remove_plugin = HOST.add, HOST.remove


def strategies() -> Mapping[str, type[Strategy]]:
    """Return the registered strategies by name, sorted."""
    return cast("Mapping[str, type[Strategy]]", classes("strategies"))


def analyses() -> Mapping[str, type[Analysis]]:
    """Return the registered analyses by name, sorted."""
    return cast("Mapping[str, type[Analysis]]", classes("analyses"))


def screeners() -> Mapping[str, type[Screener]]:
    """Return the registered screeners by name, sorted."""
    return cast("Mapping[str, type[Screener]]", classes("screeners"))


def exporters() -> Mapping[str, type[Exporter]]:
    """Return the registered exporters by name, sorted."""
    return cast("Mapping[str, type[Exporter]]", classes("exporters"))


def commands() -> Mapping[str, type[Command]]:
    """Return the registered subcommands by name, sorted; strategies stay unloaded."""
    return cast("Mapping[str, type[Command]]", HOST.alone("commands"))
