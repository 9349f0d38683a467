"""Wrappers: import the wrappers that settings name, as RL Zoo writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from sb3_prune.exceptions import ConfigError

Wrapper = Callable[[Any], Any]


def as_list(given: Any) -> list[Any]:
    """Return RL Zoo's notation for wrappers as a list: one, many, or None for none."""
    if given in (None, "None"):
        return []
    return list(given) if isinstance(given, list | tuple) else [given]


def find_wrappers(given: Sequence[Any]) -> list[Wrapper]:
    """Import wrappers.

    Args:
        given: Paths such as ``package.module.Class``, or a path as the one key of a
            mapping whose value has the arguments.

    Raises:
        ConfigError: A wrapper cannot be imported, or is written in another way.
    """
    return [_find(*_split(one)) for one in given]


def wrapped(env: Any, wrappers: Sequence[Wrapper]) -> Any:
    """Return an environment in wrappers, the first one innermost."""
    for wrapper in wrappers:
        env = wrapper(env)
    return env


def _split(given: Any) -> tuple[str, Mapping[str, Any]]:
    path: Any = given
    arguments: Any = {}
    if isinstance(given, Mapping) and len(given) == 1:
        path, arguments = next(iter(given.items()))
    if not isinstance(path, str) or not isinstance(arguments or {}, Mapping):
        raise ConfigError(
            "A wrapper must be package.module.Class, or a mapping of that to its "
            f"arguments, got {given!r}."
        )
    return path, arguments or {}


def _find(path: str, arguments: Mapping[str, Any]) -> Wrapper:
    module, _, name = path.rpartition(".")
    try:
        return partial(getattr(import_module(module), name), **arguments)
    except (Exception, SystemExit) as error:  # A user's module can raise any.
        raise ConfigError(
            f"The agent's environment needs the wrapper '{path}', which cannot be "
            f"imported: {error}."
        ) from error
