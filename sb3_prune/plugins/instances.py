"""Instances: an argument that is the name of a registered class, or built already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sb3_prune import plugins
from sb3_prune.exceptions import ConfigError, PluginError, shown
from sb3_prune.plugins.pluggable import Pluggable
from sb3_prune.plugins.registry import find_kind


def instance_of(
    kind: str, given: str | Pluggable, config: Mapping[str, Any] | None = None
) -> Pluggable:
    """Build an instance from its name and options; return an instance as it is.

    Args:
        kind: Kind of the class, e.g. ``strategies``.
        given: Name of a registered class, or an instance.
        config: Options of the class; an instance has its own.

    Raises:
        UnknownNameError: No plug-in has a class of that name.
        ConfigError: An option does not exist or is out of range; or ``given`` is
            neither a name nor an instance, or an instance with further options.
        PluginError: ``given`` is an instance whose constructor sets no ``config``.
    """
    found = find_kind(kind)
    if isinstance(given, found.base):
        if not hasattr(given, "config"):
            raise PluginError(
                f"{type(given).__name__} has no config: call super().__init__(config) "
                "in its constructor."
            )
        if config:
            raise ConfigError(
                f"The {found.noun} '{given.name}' is built already and has its own "
                f"options: give {dict(config)} to its class."
            )
        return given
    if not isinstance(given, str):
        hint = f": pass {given.__name__}()" if isinstance(given, type) else ""
        raise ConfigError(
            f"{found.noun} must be a name or an instance of a {found.noun}, got "
            f"{shown(given)}{hint}."
        )
    return plugins.make(kind, given, config)
