"""Tests for cli/lines.py."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from sb3_prune.cli import lines, options
from sb3_prune.cli.algorithms import ALGORITHMS
from sb3_prune.cli.dispatch import COMMANDS
from sb3_prune.cli.lines import LINES, PruneOptions, TrainOptions, check
from sb3_prune.cli.parsing import UsageError
from sb3_prune.cli.staging import parse_staged
from sb3_prune.recording.playing import States

TRAIN = ["--algo", "sac", "--env", "x", "--out", "y"]


def test_names_are_those_of_what_is_not_imported() -> None:
    assert LINES.keys() == COMMANDS.keys()
    assert tuple(ALGORITHMS) == options.ALGORITHMS
    assert get_args(lines.States) == get_args(States)


@pytest.mark.parametrize(
    "line",
    [
        ["--final-sparsity", "0.9"],
        ["--networks", "actor", "critic", "--seed", "3"],
        ["--strategy", "xinet", "--preset", "prune-b", "--net-arch", "8", "8"],
        ["--env-kwargs", "a=1", "b=2", "--begin=-1"],
        ["--net_arch", "8"],
        ["--help"],
        ["--algo", "--help"],
    ],
)
def test_options_of_strategies_are_passed_over(line: list[str]) -> None:
    check("train", [*TRAIN, *line])
    check("train", [*line, *TRAIN])
    check("prune", [*line, "a.zip", "--out", "y"])
    check("prune", ["a.zip", *line, "--out", "y"])


@pytest.mark.parametrize(
    ("command", "options", "line"),
    [
        ("train", TrainOptions, ["--algo"]),
        ("train", TrainOptions, TRAIN[:4]),
        ("train", TrainOptions, [*TRAIN, "--n-envs", "many"]),
        ("train", TrainOptions, [*TRAIN, "--policy", "cnn"]),
        ("prune", PruneOptions, ["--out", "y"]),
        ("prune", PruneOptions, ["a.zip", "--out", "y", "--play-states", "none"]),
    ],
)
def test_mistakes_are_named_as_with_the_strategy(
    command: str, options: type, line: list[str]
) -> None:
    with pytest.raises(UsageError) as early:
        check(command, line)
    with pytest.raises(UsageError) as late:
        parse_staged(options, line, command, optional=False)
    assert str(early.value) == str(late.value)


def test_paths_are_paths() -> None:
    options = TrainOptions(algo="sac", env="x", out=Path("y"))
    assert (options.strategy, options.policy) == ("magnitude", "auto")
