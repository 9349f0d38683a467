"""Options: build a class of a plug-in from values of YAML, JSON or a command line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from functools import partial
from numbers import Integral, Real
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from weakref import WeakKeyDictionary

from sb3_prune.exceptions import (
    CheckpointError,
    ConfigError,
    PluginError,
    SB3PruneError,
    shown,
)
from sb3_prune.plugins.pluggable import Pluggable

P = TypeVar("P", bound=Pluggable)
_HINTS: WeakKeyDictionary[type[Any], Mapping[str, Any]] = WeakKeyDictionary()


def build(cls: type[P], config: Any = None) -> P:
    """Build an instance of a registered class.

    Args:
        cls: The class.
        config: Its ``Config``, a mapping of options as read from YAML, or None for the
            defaults. In a mapping, an int is accepted for a float and a list for a
            tuple.

    Raises:
        ConfigError: An option does not exist or has a wrong type or value.
        PluginError: The class cannot be built from options that are all right.
    """
    if config is None or isinstance(config, Mapping):
        config = configured(cls, config or {})
    elif not isinstance(config, cls.Config):
        raise _refused(cls, f"expected a mapping or its Config, got {shown(config)}")
    try:
        return cls(config)
    except SB3PruneError:
        raise
    except Exception as error:
        raise PluginError(f"'{cls.name}' cannot be built: {error!r}.") from error


def configured(cls: type[Pluggable], options: Mapping[str, Any]) -> Any:
    """Build the ``Config`` of a class from a mapping of options.

    Raises:
        ConfigError: An option does not exist or has a wrong type or value.
    """
    hints = hints_of(cls.Config)
    if unknown := [name for name in options if name not in hints]:
        raise _refused(cls, f"no such option: {', '.join(map(shown, unknown))}")
    fitted = {}
    for name, value in options.items():
        try:
            fitted[name] = fit(value, hints[name])
        except TypeError:
            wanted = inspect.formatannotation(hints[name])
            kind = "a list, " if get_origin(hints[name]) is tuple else ""
            raise ConfigError(
                f"'{cls.name}': {name} must be {kind}{wanted}, got {shown(value)}."
            ) from None
    try:
        return cls.Config(**fitted)
    except SB3PruneError:
        raise
    except (TypeError, ValueError) as error:
        raise _refused(cls, str(error)) from error
    except Exception as error:
        raise _refused(cls, repr(error)) from error


def _refused(cls: type[Pluggable], why: str) -> ConfigError:
    hints = hints_of(cls.Config)
    options = ", ".join(
        f"{o.name}: {inspect.formatannotation(hints[o.name])} = {default_of(o)!r}"
        for o in options_of(cls.Config)
    )
    return ConfigError(f"'{cls.name}': {why}. Its options: {options or '(none)'}.")


def options_of(config: type[Any]) -> list[Field[Any]]:
    """Return the fields of a ``Config`` that are arguments of its constructor."""
    return [option for option in fields(config) if option.init]


def default_of(option: Field[Any]) -> object:
    """Return the default of an option."""
    if option.default_factory is not MISSING:
        return option.default_factory()
    return option.default


def hints_of(config: type[Any]) -> Mapping[str, Any]:
    """Return the resolved type annotation of every option of a ``Config``."""
    if config not in _HINTS:  # Resolving takes longer than building an instance.
        hints = get_type_hints(config)
        found = {option.name: hints[option.name] for option in options_of(config)}
        _HINTS[config] = MappingProxyType(found)
    return _HINTS[config]


def fit(value: Any, hint: Any) -> Any:
    """Convert a value to the annotated type, e.g. an int to a float.

    Values are checked only against types that YAML can represent. For any other
    annotation, the value is returned as it is.

    Raises:
        TypeError: The value is not of the annotated type and cannot be converted.
    """
    rule = _RULES.get(get_origin(hint) or hint)
    return value if rule is None else rule(value, get_args(hint))


def entry_of(state: Any, key: str, hint: Any, where: str = "the saved state") -> Any:
    """Return a value of a saved state.

    Args:
        state: The state, as read from JSON.
        key: Name of the value.
        hint: Annotation of the value, to which :func:`fit` fits it.
        where: What the state is, for error messages.

    Raises:
        CheckpointError: There is no such value, or it has a wrong type.
    """
    if not isinstance(state, Mapping) or key not in state:
        has = ", ".join(map(str, state)) if isinstance(state, Mapping) else repr(state)
        raise CheckpointError(f"There is no '{key}' in {where}: it has {has}.")
    try:
        return fit(state[key], hint)
    except TypeError:
        wanted = inspect.formatannotation(hint)
        raise CheckpointError(
            f"'{key}' in {where} must be {wanted}, got {shown(state[key])}."
        ) from None


def _fit_float(value: Any, hints: tuple[Any, ...]) -> float:
    try:
        return float(_fit_plain(value, hints, of=Real))
    except OverflowError:
        raise TypeError(value) from None


def _fit_plain(value: Any, _: tuple[Any, ...], *, of: type) -> Any:
    # In Python, True is an int too.
    if not isinstance(value, of) or (isinstance(value, bool) and of is not bool):
        raise TypeError(value)
    return value


def _fit_literal(value: Any, choices: tuple[Any, ...]) -> Any:
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise TypeError(value)
    return value


def _fit_union(value: Any, hints: tuple[Any, ...]) -> Any:
    for hint in sorted(hints, key=lambda hint: type(value) is not hint):
        try:
            return fit(value, hint)
        except TypeError:
            continue
    raise TypeError(value)


def _fit_items(value: Any, hints: tuple[Any, ...]) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise TypeError(value)
    each = hints[0] if hints else Any
    return [fit(item, each) for item in value]


def _fit_tuple(value: Any, hints: tuple[Any, ...]) -> tuple[Any, ...]:
    if not hints or hints[1:] == (...,):
        return tuple(_fit_items(value, hints))
    if len(_fit_items(value, ())) != len(hints):
        raise TypeError(value)
    return tuple(map(fit, value, hints))


def _fit_dict(value: Any, hints: tuple[Any, ...]) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(value)
    key, item = hints or (Any, Any)
    return {fit(k, key): fit(v, item) for k, v in value.items()}


_RULES: dict[Any, Callable[[Any, tuple[Any, ...]], Any]] = {
    NoneType: partial(_fit_plain, of=NoneType),
    bool: partial(_fit_plain, of=bool),
    str: partial(_fit_plain, of=str),
    int: lambda value, hints: int(_fit_plain(value, hints, of=Integral)),
    float: _fit_float,
    Literal: _fit_literal,
    Union: _fit_union,
    UnionType: _fit_union,
    list: _fit_items,
    tuple: _fit_tuple,
    dict: _fit_dict,
}
