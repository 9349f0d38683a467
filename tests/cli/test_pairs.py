"""Tests for cli/pairs.py."""

from __future__ import annotations

import pytest

from sb3_prune.cli.pairs import parse_pairs
from sb3_prune.exceptions import ConfigError


def test_values_are_json_or_text() -> None:
    texts = ["a=1", "b=0.5", "c=auto", "d=true", "e=[1, 2]", 'f={"g": [3]}', "h=x=y"]
    assert parse_pairs("--x", texts) == {
        "a": 1,
        "b": 0.5,
        "c": "auto",
        "d": True,
        "e": (1, 2),
        "f": {"g": [3]},
        "h": "x=y",
    }


def test_words_of_python_are_no_text() -> None:
    texts = ["a=True", "b=False", "c=None", 'd="False"', "e=false", "f=no"]
    values = [True, False, None, "False", False, "no"]
    assert list(parse_pairs("--x", texts).values()) == values


def test_objects_are_merged() -> None:
    assert parse_pairs("--x", ['{"a": 1, "b": 2}', "c=3"]) == dict(a=1, b=2, c=3)


@pytest.mark.parametrize(
    "texts",
    [
        ["b=3", "a=1", "b=5"],
        ['{"b": 3}', "b=5"],
        ['{"b": 3, "b": 5}'],
        ['a={"b": 3, "b": 5}'],
        ['a={"c": [{"b": 3, "b": 5}]}'],
    ],
)
def test_a_name_is_given_once(texts: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"^--x: 'b' is given twice, as 3 and 5.$"):
        parse_pairs("--x", texts)


@pytest.mark.parametrize("text", ["g=1e400", '{"g": [-1e999]}', "g=[1, 1e400]"])
def test_numbers_are_finite(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^--x: .*'-?1e\d+' is not finite\.$"):
        parse_pairs("--x", [text])
    assert parse_pairs("--x", ["g=Infinity"]) == {"g": float("inf")}


@pytest.mark.parametrize("text", ["a", "=1", "", "{a: 1}"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--x: .*JSON"):
        parse_pairs("--x", [text])
