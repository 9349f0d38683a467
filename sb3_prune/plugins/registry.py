"""Registry: the kinds of classes that plug-ins register, and checks of these classes.

The checks cover the rules that docs/plugins.md lists.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, is_dataclass
from itertools import pairwise
from types import NoneType
from typing import TypeVar

from sb3_prune.exceptions import (
    PluginError,
    UnknownNameError,
)
from sb3_prune.plugins.options import configured, default_of, options_of
from sb3_prune.plugins.pluggable import Pluggable

OUR_COMMANDS = (
    *("train", "prune", "scratch", "evaluate", "compare", "report", "card"),
    *("compact", "export", "transplant", "analyze", "screen", "strategies", "plugins"),
)
"""Commands of ``sb3-prune`` itself, which come first."""


@dataclass
class Kind:
    """A kind of class that plug-ins register."""

    name: str
    """Name in look-ups, e.g. ``strategies``."""
    noun: str
    """Word for one class of this kind in messages, e.g. ``strategy``."""
    taken: tuple[str, ...] = ()
    """Names that classes of plug-ins cannot have."""
    base: type[Pluggable] = Pluggable
    """Class that all classes of this kind derive from; set by :func:`base_of`."""

    @property
    def hook(self) -> str:
        """Name of the hook that registers classes of this kind."""
        return f"register_{self.name}"


KINDS = {
    kind.name: kind
    for kind in (
        Kind("strategies", "strategy"),
        Kind("analyses", "analysis"),
        Kind("screeners", "screener"),
        Kind("exporters", "exporter"),
        Kind("commands", "command", taken=OUR_COMMANDS),
    )
}
"""Every kind by name."""

Base = TypeVar("Base", bound=type[Pluggable])


def base_of(kind: str) -> Callable[[Base], Base]:
    """Decorate the abstract class that all classes of a kind derive from.

    With this decorator, this module does not have to import the abstract classes.

    Args:
        kind: Name of the kind.
    """

    def note(cls: Base) -> Base:
        find_kind(kind).base = cls
        return cls

    return note


def find_kind(name: str) -> Kind:
    """Return a kind by name.

    Raises:
        UnknownNameError: There is no such kind.
    """
    if name not in KINDS:
        raise UnknownNameError("kind of plug-in", name, KINDS)
    return KINDS[name]


def check_class(kind: str, cls: type[Pluggable]) -> None:
    """Check that a class keeps the rules for classes of its kind.

    Raises:
        PluginError: The class breaks a rule; the message names what was found and what
            was expected.
        UnknownNameError: There is no such kind.
    """
    expected = find_kind(kind)
    problem = next(_problems(expected, cls), None)
    if problem is not None:
        raise PluginError(
            f"{full_name(cls)} is not a valid {expected.noun}: {problem}."
        )


def full_name(cls: object) -> str:
    """Return the name of a class as ``module.Name``; for other objects, their repr."""
    if isinstance(cls, type):
        return f"{cls.__module__}.{cls.__qualname__}"
    return repr(cls)


def _problems(kind: Kind, cls: type[Pluggable]) -> Iterator[str]:
    """Yield the broken rules in an order in which each check relies on earlier ones."""
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
    if name in kind.taken:
        yield f"its name '{name}' is that of sb3-prune's own {kind.noun}"
    # Python's option -OO strips every docstring.
    if not (cls.__doc__ or "").strip() and sys.flags.optimize < 2:  # noqa: PLR2004
        yield "it has no docstring, expected one that begins with a one-line summary"
    yield from _config_problems(cls)
    yield from cls.broken_rules()


def _config_problems(cls: type[Pluggable]) -> Iterator[str]:
    config = getattr(cls, "Config", None)
    wanted = "expected @dataclass(frozen=True, kw_only=True)"
    if not (isinstance(config, type) and "__dataclass_fields__" in vars(config)):
        yield f"its Config is {full_name(config)}, {wanted}"
    assert config is not None
    if not config.__dataclass_params__.frozen:
        yield f"its Config is not frozen, {wanted}"
    options = options_of(config)
    if names := [f.name for f in options if not f.kw_only]:
        yield f"its Config takes {', '.join(names)} by position, {wanted}"
    if names := [f.name for f in options if default_of(f) is MISSING]:
        yield f"its Config has no default for {', '.join(names)}, expected one for each"
    if names := _undocumented(config):
        yield (
            f"its Config does not explain {', '.join(names)}, "
            "expected a string below each field"
        )
    yield from _default_problems(cls)


def _default_problems(cls: type[Pluggable]) -> Iterator[str]:
    try:
        default = cls.Config()
        values = {f.name: getattr(default, f.name) for f in options_of(cls.Config)}
        configured(cls, values)
    except Exception as error:
        yield f"its Config cannot be built, expected valid defaults: {error!r}"
        return
    if names := [name for name, value in values.items() if not _is_plain(value)]:
        yield (
            f"its Config has defaults that YAML cannot represent ({', '.join(names)}), "
            "expected None, bool, int, float, str or tuples, lists, dicts of these"
        )


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
    names = (option.name for option in options_of(config))
    return [name for name in names if not explained.get(name, True)]


def _explained(cls: type) -> dict[str, bool]:
    """Return for every annotated field in a class's source if a string is below it."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        return {}  # There is no source to check, e.g. in a notebook or an archive.
    body = next(n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)).body
    return {
        node.target.id: _is_string(below)
        for node, below in pairwise([*body, ast.Pass()])
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def _is_string(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
