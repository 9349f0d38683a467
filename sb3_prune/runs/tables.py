"""Tables: results of many jobs in one file, CSV or Parquet, written whole."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sb3_prune.exceptions import JobError, MissingExtraError, require_one_of
from sb3_prune.files import atomic
from sb3_prune.runs.folder import check_creatable
from sb3_prune.runs.jobs import LARGEST

Row = dict[str, Any]

NAME = "job"
"""Column of the jobs' names."""


def rows_of(found: Iterable[tuple[str, Mapping[str, Any] | None]]) -> list[Row]:
    """Return a row for each result; None is a job that is not finished.

    Raises:
        JobError: A result has an entry of the name that the jobs' column has.
    """
    rows = []
    for name, result in found:
        if result is not None and NAME in result:
            raise JobError(
                f"The result of job '{name}' has an entry '{NAME}', which is the "
                "column of the names in the table: call it otherwise."
            )
        rows += [] if result is None else [{NAME: name, **result}]
    return rows


def check_table(path: str | Path | None) -> None:
    """Check that a table could be written to this path.

    Raises:
        ConfigError: Its ending is not that of a table.
        MissingExtraError: The ending needs an extra that is not installed.
        RunFolderError: The folder cannot be written to.
    """
    if path is None:
        return
    require_one_of("The ending of a table's file", Path(path).suffix, FORMATS)
    if Path(path).suffix == ".parquet" and find_spec("pyarrow") is None:
        raise MissingExtraError("Parquet", "pyarrow", "parquet")
    check_creatable(Path(path).resolve())


def write_table(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows to a file, of the kind that its ending says, whole or not at all.

    Rows may have different entries; what a row does not have is None. In CSV, values
    are JSON, but None is empty and a text that is no JSON stands as it is.

    Raises:
        JobError: The values of a column have no common type, which Parquet needs.
    """
    check_table(path)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        FORMATS[temporary.suffix][0](temporary, columns, rows)


def read_table(path: str | Path) -> list[Row]:
    """Return the rows of a table, each with all of its columns.

    Raises:
        ConfigError: Its ending is not that of a table.
        MissingExtraError: The ending needs an extra that is not installed.
    """
    check_table(path)
    return FORMATS[Path(path).suffix][1](Path(path))


# CSV.


def _write_csv(
    path: Path, columns: list[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)


def _read_csv(path: Path) -> list[Row]:
    before = csv.field_size_limit(LARGEST)  # By default less than a result may have.
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    finally:
        csv.field_size_limit(before)
    return [{name: _value(cell) for name, cell in row.items()} for row in rows]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and _value(value) == value:
        return value
    return json.dumps(value)


def _value(cell: str) -> Any:
    if not cell:
        return None
    try:
        return json.loads(cell)
    except ValueError:
        return cell


# Parquet.


def _write_parquet(
    path: Path, columns: list[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    import pyarrow  # noqa: PLC0415  # Optional.
    from pyarrow import parquet  # noqa: PLC0415

    made = {}
    for name in columns:
        try:
            made[name] = pyarrow.array([row.get(name) for row in rows])
        except (pyarrow.ArrowException, OverflowError) as error:
            raise JobError(
                f"Column '{name}' fits no Parquet table: {error}. Write CSV."
            ) from error
    parquet.write_table(pyarrow.table(made), path)


def _read_parquet(path: Path) -> list[Row]:
    from pyarrow import parquet  # noqa: PLC0415  # Optional.

    rows: list[Row] = parquet.read_table(path).to_pylist()
    return rows


Write = Callable[[Path, list[str], Sequence[Mapping[str, Any]]], None]
FORMATS: dict[str, tuple[Write, Callable[[Path], list[Row]]]] = {
    ".csv": (_write_csv, _read_csv),
    ".parquet": (_write_parquet, _read_parquet),
}
"""Ending of a file -> how it is written and read."""
