"""Registry: what may be registered, what it must look like, how it is built."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import partial
from itertools import pairwise
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from sb3_prune.exceptions import (
    ConfigError,
    PluginError,
    SB3PruneError,
    UnknownNameError,
)
from sb3_prune.pluggable import Pluggable
from sb3_prune.strategies.base import Strategy

P = TypeVar("P", bound=Pluggable)


@dataclass(frozen=True)
class Kind:
    """A kind of class that plug-ins register."""

    name: str
    """What lookups call it, e.g. ``strategies``."""
    noun: str
    """What messages call one of them, e.g. ``strategy``."""
    base: type
    """What its classes derive from."""

    @property
    def hook(self) -> str:
        """Name of the hook that registers it."""
        return f"register_{self.name}"


KINDS = {
    kind.name: kind
    for kind in (
        Kind("strategies", "strategy", Strategy),
        Kind("analyses", "analysis", Pluggable),
        Kind("screeners", "screener", Pluggable),
        Kind("exporters", "exporter", Pluggable),
    )
}
"""Every kind by name."""


def find_kind(name: str) -> Kind:
    """Return a kind by name.

    Raises:
        UnknownNameError: There is no such kind.
    """
    if name not in KINDS:
        raise UnknownNameError("kind of plug-in", name, KINDS)
    return KINDS[name]


def check_class(kind: str, cls: type[Pluggable]) -> None:
    """Check that a class keeps the contract of its kind.

    Raises:
        PluginError: It does not; the message says what was found and what expected.
        UnknownNameError: There is no such kind.
    """
    expected = find_kind(kind)
    problem = next(_problems(expected, cls), None)
    if problem is not None:
        raise PluginError(f"{full_name(cls)} is no valid {expected.noun}: {problem}.")


def full_name(cls: object) -> str:
    """Return a class as ``module.Name``; anything else as it prints."""
    if isinstance(cls, type):
        return f"{cls.__module__}.{cls.__qualname__}"
    return repr(cls)


def _problems(kind: Kind, cls: type[Pluggable]) -> Iterator[str]:
    """Yield what is wrong, basics first: each check relies on those before it."""
    if not (isinstance(cls, type) and issubclass(cls, kind.base)):
        yield f"expected a class derived from {full_name(kind.base)}"
    missing = ", ".join(sorted(getattr(cls, "__abstractmethods__", ())))
    if missing:
        yield f"it leaves {missing} abstract, expected a class that can be built"
    name = getattr(cls, "name", None)
    if not (
        isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name)
    ):
        yield f"its name is {name!r}, expected kebab-case such as 'smallest-bias'"
    # Python's option -OO strips every docstring.
    if not (cls.__doc__ or "").strip() and sys.flags.optimize < 2:  # noqa: PLR2004
        yield "it has no docstring, expected one that begins with a one-line summary"
    yield from _config_problems(cls)


def _config_problems(cls: type[Pluggable]) -> Iterator[str]:
    config = getattr(cls, "Config", None)
    wanted = "expected @dataclass(frozen=True, kw_only=True)"
    if not (isinstance(config, type) and "__dataclass_fields__" in vars(config)):
        yield f"its Config is {full_name(config)}, {wanted}"
    assert config is not None
    if not config.__dataclass_params__.frozen:
        yield f"its Config is not frozen, {wanted}"
    options = _options(config)
    if names := [f.name for f in options if not f.kw_only]:
        yield f"its Config takes {', '.join(names)} by position, {wanted}"
    if names := [f.name for f in options if _default(f) is MISSING]:
        yield f"its Config has no default for {', '.join(names)}, expected one for each"
    if names := _undocumented(config):
        yield f"its Config does not explain {', '.join(names)}, expected a string below"
    yield from _default_problems(cls)


def _default_problems(cls: type[Pluggable]) -> Iterator[str]:
    try:
        default = cls.Config()
        values = {f.name: getattr(default, f.name) for f in _options(cls.Config)}
        _configured(cls, values)
    except Exception as error:
        yield f"its Config cannot be built, expected valid defaults: {error!r}"
        return
    if names := [name for name, value in values.items() if not _is_plain(value)]:
        yield (
            f"its Config has defaults that YAML cannot say ({', '.join(names)}), "
            "expected None, bool, int, float, str or tuples, lists, dicts of these"
        )


def _options(config: type[Any]) -> list[Field[Any]]:
    return [option for option in fields(config) if option.init]


def _default(option: Field[Any]) -> object:
    if option.default_factory is not MISSING:
        return option.default_factory()
    return option.default


def _is_plain(value: object) -> bool:
    if type(value) in (tuple, list):
        return all(map(_is_plain, value))  # type: ignore[call-overload]
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_plain(v) for k, v in value.items())
    return type(value) in (NoneType, bool, int, float, str)


def _undocumented(config: type) -> list[str]:
    explained: dict[str, bool] = {}
    for cls in filter(is_dataclass, config.__mro__):
        for name, is_explained in _explained(cls).items():
            explained[name] = explained.get(name, False) or is_explained
    names = (option.name for option in _options(config))
    return [name for name in names if not explained.get(name, True)]


def _explained(cls: type) -> dict[str, bool]:
    """Tell of every annotation in a class's source whether a string is below it."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        return {}  # Without source, as in a notebook or an archive, nobody can tell.
    body = next(n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)).body
    return {
        node.target.id: _is_string(below)
        for node, below in pairwise([*body, ast.Pass()])
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def _is_string(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def build(cls: type[P], config: Any = None) -> P:
    """Build an instance of a registered class.

    Args:
        cls: The class.
        config: Its ``Config``, a mapping of options as read from YAML, or None for the
            defaults. In a mapping an int will do for a float, a list for a tuple.

    Raises:
        ConfigError: An option does not exist or has a wrong type or value.
    """
    if config is None or isinstance(config, cls.Config):
        return cls(cls.Config() if config is None else config)
    if not isinstance(config, Mapping):
        raise _refused(cls, f"expected a mapping or its Config, got {config!r}")
    return cls(_configured(cls, config))


def _configured(cls: type[Pluggable], options: Mapping[str, Any]) -> Any:
    hints = _hints(cls.Config)
    if unknown := [name for name in options if name not in hints]:
        raise _refused(cls, f"no such option: {', '.join(map(repr, unknown))}")
    fitted = {}
    for name, value in options.items():
        try:
            fitted[name] = fit(value, hints[name])
        except TypeError:
            wanted = inspect.formatannotation(hints[name])
            raise _refused(cls, f"{name} must be {wanted}, got {value!r}") from None
    try:
        return cls.Config(**fitted)
    except SB3PruneError:
        raise
    except (TypeError, ValueError) as error:
        raise _refused(cls, str(error)) from error


def _refused(cls: type[Pluggable], why: str) -> ConfigError:
    hints = _hints(cls.Config)
    options = ", ".join(
        f"{o.name}: {inspect.formatannotation(hints[o.name])} = {_default(o)!r}"
        for o in _options(cls.Config)
    )
    return ConfigError(f"'{cls.name}': {why}. Its options: {options or '(none)'}.")


def _hints(config: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(config)
    return {option.name: hints[option.name] for option in _options(config)}


def fit(value: Any, hint: Any) -> Any:
    """Return a value as the annotated type, if it can be taken for that.

    Annotations that are none of the YAML types let everything pass.

    Raises:
        TypeError: It cannot.
    """
    rule = _RULES.get(get_origin(hint) or hint)
    return value if rule is None else rule(value, get_args(hint))


def _fit_plain(value: Any, _: tuple[Any, ...], *, of: type) -> Any:
    # To Python, True is a number.
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
    float: lambda value, hints: float(_fit_plain(value, hints, of=Real)),
    Literal: _fit_literal,
    Union: _fit_union,
    UnionType: _fit_union,
    list: _fit_items,
    tuple: _fit_tuple,
    dict: _fit_dict,
}
