"""Tests for cli/staging.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cli.third_party import DropFirst, Plugin, Seeded
from sb3_prune.cli.parsing import UsageError
from sb3_prune.cli.staging import parse_staged, strategy_name, unchecked
from sb3_prune.exceptions import ConfigError, UnknownNameError
from sb3_prune.strategies import Strategy

Add = Callable[[object], None]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Do something."""

    strategy: str = "magnitude"
    """How to prune."""
    seed: int = 0
    """Seed."""


def parse(*arguments: str, optional: bool = True) -> tuple[Options, Strategy | None]:
    return parse_staged(Options, arguments, "do", optional=optional)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ([], "default"),
        (["--strategy", "a"], "a"),
        (["--strategy=a"], "a"),
        (["--x", "1", "--strategy", "a", "b"], "a"),
        (["--strategy"], "default"),
        (["--strat", "a"], "default"),
    ],
)
def test_the_first_stage_finds_the_name(arguments: list[str], name: str) -> None:
    assert strategy_name(arguments, "default") == name


def test_the_second_stage_has_the_strategys_options() -> None:
    options, strategy = parse("--final-sparsity", "0.5", "--networks", "actor", "b")
    assert isinstance(options, Options)
    assert strategy is not None
    assert strategy.config.final_sparsity == 0.5
    assert strategy.config.networks == ("actor", "b")


def test_none_has_no_options() -> None:
    assert parse("--strategy", "none") == (Options(strategy="none"), None)
    with pytest.raises(UsageError, match="--final-sparsity"):
        parse("--strategy", "none", "--final-sparsity", "0.5")


def test_none_must_be_allowed() -> None:
    with pytest.raises(UnknownNameError, match="'none'"):
        parse("--strategy", "none", optional=False)


def test_options_are_checked_by_the_strategy() -> None:
    with pytest.raises(ConfigError, match="ends after training"):
        parse("--end", "1.5")


def test_third_party_flags_are_in_help(
    third_party: Add, capsys: pytest.CaptureFixture[str]
) -> None:
    third_party(Plugin())
    with pytest.raises(SystemExit):
        parse("--strategy", "drop-first", "--help")
    out = capsys.readouterr().out
    assert "--how-many INT" in out
    assert "Units that every layer loses." in out
    assert "--final-sparsity" not in out


def test_third_party_flags_are_parsed(third_party: Add) -> None:
    third_party(Plugin())
    _, strategy = parse("--strategy", "drop-first", "--how-many", "3")
    assert isinstance(strategy, DropFirst)
    assert strategy.config.how_many == 3
    with pytest.raises(ConfigError, match="must be positive"):
        parse("--strategy", "drop-first", "--how-many", "-1")


def test_a_flag_that_the_command_has_gets_a_prefix(third_party: Add) -> None:
    third_party(Plugin())
    options, strategy = parse(
        "--strategy", "seeded", "--seed", "3", "--seeded.seed", "5"
    )
    assert options.seed == 3
    assert isinstance(strategy, Seeded)
    assert strategy.config.seed == 5


def test_unchecked_takes_anything() -> None:
    assert unchecked(DropFirst.Config)(how_many=-1).how_many == -1
