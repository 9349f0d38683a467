"""Tests for cli/seeds.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sb3_prune.cli.seeds import ScreenOptions, seeds_of
from sb3_prune.exceptions import ConfigError

GIVEN: dict[str, Any] = {"algo": "a2c", "env": "x", "out": Path("y")}


@pytest.mark.parametrize(("text", "first", "end"), [("0:500", 0, 500), ("7:8", 7, 8)])
def test_seeds_are_named_as_slices(text: str, first: int, end: int) -> None:
    assert seeds_of("--seeds", text) == (range(first, end),)


def test_seeds_may_be_left_out() -> None:
    found = seeds_of("--seeds", "0:3,4:6")
    assert [seed for part in found for seed in part] == [0, 1, 2, 4, 5]
    with pytest.raises(ConfigError, match=r"--seeds 0:3,2:6 names a seed twice"):
        seeds_of("--seeds", "0:3,2:6")


@pytest.mark.parametrize(
    "text",
    ["", "5", "5:5", "6:5", "-1:5", "0:", ":5", "0:5:2", "0:4294967297", "٣:9", "0:3,"],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--seeds must be FIRST:END"):
        seeds_of("--seeds", text)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"test_seeds": "9:12"}, "share seeds"),
        ({"seeds": "0:30"}, "share seeds"),
        ({"seeds": "0:3,12:13"}, "share seeds"),
        ({"timesteps": 0}, "--timesteps must be"),
        ({"episodes": 0}, "--episodes must be"),
        ({"n_envs": 0}, "--n-envs must be"),
        ({"workers": 0}, "--workers must be"),
        ({"workers": 5_000}, "--workers must be at most"),
        ({"level": float("nan")}, "--level must be finite"),
        ({"step": 0.0}, "--step must be"),
        ({"step": float("nan")}, "--step must be"),
        ({"within": (100, 30_000)}, "--within must be from 1 to --timesteps 20000"),
    ],
)
def test_mistakes_are_named(wrong: dict[str, Any], message: str) -> None:
    right = {**GIVEN, "seeds": "0:10", "test_seeds": "10:20"}
    ScreenOptions(**right).check()
    with pytest.raises(ConfigError, match=message):
        ScreenOptions(**{**right, **wrong}).check()
