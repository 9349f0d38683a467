"""Staging: the strategy is chosen first, then its options become flags."""

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
"""The name that stands for no strategy: train the dense agent."""


def parse_staged(
    options: type[T], arguments: Sequence[str], command: str, *, optional: bool
) -> tuple[T, Strategy | None]:
    """Parse a command's options and those of the strategy that they name.

    Args:
        options: Dataclass of the command, with a field ``strategy``.
        arguments: What follows the command.
        command: Its name.
        optional: Whether ``none`` is a strategy.

    Returns:
        The options, and the strategy unless it is none.

    Raises:
        UnknownNameError: No plug-in has a strategy of that name.
        ConfigError: An option of the strategy is out of range.
        UsageError: The arguments do not fit.
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

    The strategy's flags have no prefix, e.g. ``--final-sparsity``, unless one of them
    is called as one of the command is: then all are ``--<strategy>.<option>``.
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
    """Return a configuration class that takes any values, as tyro reports errors badly.

    What is parsed into it is checked when the strategy is built.
    """
    space = {"__post_init__": lambda self: None, "__doc__": config.__doc__}
    return dataclass(frozen=True, kw_only=True)(type(config.__name__, (config,), space))


def _field(options: type[Any], strategy: type[Strategy]) -> str:
    """Return a field's name that the command does not have."""
    name = strategy.name.replace("-", "_")
    taken = {f.name for f in fields(options)}
    return f"{name}_strategy" if name in taken else name
