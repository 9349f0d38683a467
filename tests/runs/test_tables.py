"""Tests for runs/tables.py: what is written is what is read."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sb3_prune.exceptions import ConfigError, JobError, MissingExtraError
from sb3_prune.runs.tables import read_table, rows_of, write_table

ENDINGS = pytest.mark.parametrize("ending", [".csv", ".parquet"])
ROWS: list[dict[str, Any]] = [
    {"job": "seed=0", "seed": 0, "value": 0.1, "solved": True, "steps": None},
    {"job": "seed=1", "seed": 1, "value": -2.5e-17, "solved": False, "steps": 300},
    {"job": "true", "seed": 2, "value": 3.0, "solved": None, "steps": 1, "new": [1, 2]},
]


@ENDINGS
def test_rows_come_back(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"new/table{ending}"
    write_table(path, ROWS)
    assert read_table(path) == [{"new": None, **row} for row in ROWS]
    write_table(path, ROWS[:1])
    assert read_table(path) == ROWS[:1]
    write_table(path, [])
    assert read_table(path) == []
    assert [each.name for each in path.parent.iterdir()] == [path.name]


VALUES = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(width=32)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=40,
)
@given(rows=st.lists(st.fixed_dictionaries({"a": TEXTS | VALUES, "b b": TEXTS})))
def test_any_values_of_json_come_back_from_csv(
    rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    write_table(tmp_path / "table.csv", rows)
    names = list(rows[0]) if rows else []
    expected = [{name: row[name] for name in names} for row in rows]
    assert repr(read_table(tmp_path / "table.csv")) == repr(expected)


def test_other_programs_can_read_the_csv(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", ROWS)
    with (tmp_path / "t.csv").open(newline="") as file:
        found = list(csv.reader(file))
    assert found[0] == ["job", "seed", "value", "solved", "steps", "new"]
    assert found[1] == ["seed=0", "0", "0.1", "true", "", ""]


@ENDINGS
def test_a_failure_leaves_the_old_table(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"t{ending}"
    write_table(path, ROWS)
    with pytest.raises((JobError, TypeError)):
        write_table(path, [{"x": 1}, {"x": {1, object()}}])
    assert len(read_table(path)) == 3
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_values_without_a_common_type_are_named(tmp_path: Path) -> None:
    rows = [{"x": 1}, {"x": "a"}]
    with pytest.raises(JobError, match=r"Column 'x' fits no Parquet table: .* CSV\."):
        write_table(tmp_path / "t.parquet", rows)
    write_table(tmp_path / "t.csv", rows)
    assert read_table(tmp_path / "t.csv") == rows


def test_other_endings_and_missing_extras_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("t.xls", "t", ".csv"):
        with pytest.raises(ConfigError, match=r"one of .csv, .parquet; got"):
            write_table(tmp_path / name, ROWS)
        with pytest.raises(ConfigError, match=r"one of .csv, .parquet; got"):
            read_table(tmp_path / name)
    monkeypatch.setattr("sb3_prune.runs.tables.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pyarrow.*'sb3-prune\[parquet\]'"):
        write_table(tmp_path / "t.parquet", ROWS)
    assert list(tmp_path.iterdir()) == []


def test_the_column_of_names_is_not_overwritten() -> None:
    assert rows_of([("a", {"x": 1}), ("b", None)]) == [{"job": "a", "x": 1}]
    with pytest.raises(JobError, match="'b' has an entry 'job'"):
        rows_of([("a", {"x": 1}), ("b", {"job": 2})])


def test_cells_may_be_as_large_as_results(tmp_path: Path) -> None:
    rows = [{"job": "a", "units": [0.123456789] * 20_000}]
    write_table(tmp_path / "t.csv", rows)
    before = csv.field_size_limit()
    assert read_table(tmp_path / "t.csv") == rows
    assert csv.field_size_limit() == before
