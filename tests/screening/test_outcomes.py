"""Tests for screening/outcomes.py."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sb3_prune.exceptions import ConfigError
from sb3_prune.runs import read_table, write_table
from sb3_prune.screening import SolvedAt, screen
from sb3_prune.screening.outcomes import Outcomes
from screening.made import Largest, make_a2c
from screening.tabled import FIVE, outcomes

ROWS: list[dict[str, Any]] = [
    {"seed": 3, "value": 1.0, "solved": True, "steps_to_solve": 40, "steps": 45},
    {"seed": 1, "value": 0.5, "solved": False, "steps_to_solve": None, "steps": 100},
]


def test_rows_become_arrays() -> None:
    found = Outcomes.of(iter(ROWS))
    assert found.seeds.tolist() == [3, 1] and found.values.tolist() == [1.0, 0.5]
    assert found.iterations.tolist() == [40, 100]
    assert found.successes.tolist() == [True, False] and len(found) == 2
    renamed = [{"also/x": 7.0, "n": 5, **row} for row in ROWS]
    other = Outcomes.of(renamed, value="also/x", solved_at="n")
    assert other.values.tolist() == [7, 7] and other.iterations.tolist() == [5, 100]


def test_rows_of_screen_and_of_its_table_are_taken(tmp_path: Path) -> None:
    given: dict[str, Any] = {"folder": tmp_path, "steps": 300}
    with ThreadPoolExecutor(1) as pool:
        easy = SolvedAt(level=15.0, episodes=3)
        rows = screen(
            make_a2c, range(3), Largest(), solved=easy, executor=pool, **given
        )
    write_table(tmp_path / "t.csv", rows)
    for table in (rows, read_table(tmp_path / "t.csv")):
        found = Outcomes.of(table)
        assert found.values.tolist() == [row["value"] for row in rows]
        assert found.successes.tolist() == [row["solved"] for row in rows]
        spent = [row["steps_to_solve"] or 300 for row in rows]
        assert found.iterations.tolist() == spent
        Outcomes.of(table, solved_at="updates_to_solve", spent="updates")


def test_a_limit_makes_late_successes_failures() -> None:
    found = FIVE.within(250)
    assert found.successes.tolist() == [False, True, False, True, False]
    assert found.iterations.tolist() == [250, 200, 250, 100, 250]
    assert FIVE.within(300).successes.tolist() == [False, True, False, True, True]
    with pytest.raises(ConfigError, match=r"before 450 .* 1 seeds, such as \[0\], aft"):
        FIVE.within(450)


def test_runs_at_the_threshold_are_above_it() -> None:
    assert FIVE.kept(1.1).tolist() == [False, True, False, True, True]
    assert FIVE.kept(1.1, above=False).tolist() == [True, False, True, False, False]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 3}, r"Seeds are there twice: \[3\]"),
        ({"value": float("nan")}, r"values must be finite; those of seeds \[1\]"),
        ({"steps": float("inf")}, r"iterations must be finite; those of seeds \[1\]"),
        ({"steps": 0}, r"seeds \[1\] have no iterations"),
        ({"passed": False}, r"1 seeds were given up, such as \[1\]"),
    ],
)
def test_what_statistics_cannot_use_is_refused(
    change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        Outcomes.of([ROWS[0], {**ROWS[1], **change}])


def test_columns_and_lengths_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"no column \['updates'\]; it has \['seed'"):
        Outcomes.of(ROWS, spent="updates")
    for wrong in ([1.0, 2.0], []):
        with pytest.raises(ConfigError, match="arrays of one length"):
            outcomes(wrong, [1.0], [1])
    with pytest.raises(ConfigError, match="arrays of one length"):
        Outcomes.of([])
    assert np.isfinite(FIVE.values).all()


@pytest.mark.parametrize(
    ("column", "flag"), [("solved", "false"), ("solved", None), ("passed", "False")]
)
def test_texts_are_no_flags(column: str, flag: object) -> None:
    row = {"seed": 3, "value": 1.0, "solved": True, "steps_to_solve": 9, "steps": 9}
    with pytest.raises(ConfigError, match=f"{column} of seed 3 must be true or false"):
        Outcomes.of([{**row, column: flag}])
    with pytest.raises(ConfigError, match="given up"):
        Outcomes.of([{**row, "passed": np.False_}])
    with pytest.raises(ConfigError, match="successes must be booleans"):
        replace(FIVE, successes=FIVE.successes.astype(int))


def test_values_of_less_digits_are_compared_as_they_are() -> None:
    """The sweep and the share of kept runs agree: 1.3 of float32 is less than 1.3."""
    values = np.array([1.3, 1.1, 1.0, 2.0, 3.0], np.float32)
    less = replace(FIVE, values=values)
    assert less.kept(1.3).tolist() == [False, False, False, True, True]
