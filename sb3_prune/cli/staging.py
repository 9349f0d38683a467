"""Staging: parse the name of the strategy first, then all options with its own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, make_dataclass
from typing import Annotated, Any, TypeVar, cast

import tyro

from sb3_prune import plugins
from sb3_prune.cli.parsing import parse
from sb3_prune.strategies.base import Strategy

T = TypeVar("T")

NONE = "none"
"""Name of "no strategy": train the dense agent without pruning."""


def parse_staged(
    options: type[T], arguments: Sequence[str], command: str, *, optional: bool
) -> tuple[T, Strategy | None]:
    """Parse the options of a command and of the strategy that ``--strategy`` names.

    Args:
        options: Dataclass of the command, with a field ``strategy``.
        arguments: Arguments after the name of the command.
        command: Name of the command.
        optional: Whether ``--strategy none`` is allowed, for no strategy.

    Returns:
        The options, and the strategy; None for ``--strategy none``.

    Raises:
        UnknownNameError: No plug-in has a strategy of that name.
        ConfigError: An option of the strategy is out of range.
        UsageError: The arguments do not fit the options.
    """
    default: str = options.__dataclass_fields__["strategy"].default  # type: ignore[attr-defined]
    name = strategy_name(arguments, default)
    if optional and name == NONE:
        return parse(options, arguments, command), None
    cls = cast("type[Strategy]", plugins.get("strategies", name))
    parsed: Any = parse(with_options(options, cls), arguments, command)
    config = getattr(parsed, _field(options, cls))
    given = {f.name: getattr(config, f.name) for f in fields(config) if f.init}
    strategy = plugins.make("strategies", name, given)
    assert isinstance(strategy, Strategy)
    return parsed, strategy


def strategy_name(arguments: Sequence[str], default: str) -> str:
    """Return the value of ``--strategy``."""
    first = argparse.ArgumentParser(
        add_help=False, allow_abbrev=False, exit_on_error=False
    )
    first.add_argument("--strategy", nargs="?", default=default, const=default)
    name: str = first.parse_known_args(list(arguments))[0].strategy
    return name


def with_options(options: type[T], strategy: type[Strategy]) -> type[T]:
    """Return the command's dataclass plus a field for the strategy's ``Config``.

    The strategy's flags have no prefix, e.g. ``--final-sparsity``. Only if one of them
    has the same name as a flag of the command, all become ``--<strategy>.<option>``.
    """
    lenient = unchecked(strategy.Config)
    taken = {f.name for f in fields(options)}  # type: ignore[arg-type]
    clash = taken & {f.name for f in fields(lenient)}
    flags: Any = lenient if clash else Annotated[lenient, tyro.conf.OmitArgPrefixes]
    made = make_dataclass(
        options.__name__,
        [(_field(options, strategy), flags, field(default_factory=lenient))],
        bases=(options,),
        frozen=True,
        kw_only=True,
    )
    made.__doc__ = options.__doc__
    return made


def unchecked(config: type[Any]) -> type[Any]:
    """Return a subclass of a ``Config`` that does not check its values.

    If the check failed inside tyro, tyro would report it badly. The values are checked
    later, when the strategy is built.
    """
    space = {"__post_init__": lambda self: None, "__doc__": config.__doc__}
    return dataclass(frozen=True, kw_only=True)(type(config.__name__, (config,), space))


def _field(options: type[Any], strategy: type[Strategy]) -> str:
    """Return a name for the strategy's field that the command does not use."""
    name = strategy.name.replace("-", "_")
    taken = {f.name for f in fields(options)}
    return f"{name}_strategy" if name in taken else name
