"""Tables: print nested numbers as aligned text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LARGE = 100
"""Numbers of at least this size are shown without decimals."""


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table: first column left-aligned, others right-aligned."""
    first, *others = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([name.ljust(first), *map(str.rjust, cells, others)]).rstrip()
        for name, *cells in rows
    ]


def find_tables(
    found: Mapping[str, Any], caption: str = ""
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the tables in an analysis' numbers: caption -> row -> column -> number.

    A table is a mapping of rows, and each row is a mapping with numbers. Tables are
    found at any depth. Lists, such as the values of every unit, are left out: they are
    only written to the file.
    """
    nested = {str(k): v for k, v in found.items() if isinstance(v, Mapping)}
    rows = {name: _numbers(row) for name, row in nested.items()}
    if rows and all(rows.values()):
        return {caption: rows}
    tables: dict[str, dict[str, dict[str, Any]]] = {}
    for name, row in nested.items():
        tables |= find_tables(row, f"{caption} {name}".strip())
    own = _numbers(found)
    return tables or ({caption: {"": own}} if own else {})


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    return {str(k): v for k, v in row.items() if not isinstance(v, Mapping | list)}


def show(value: object) -> str:
    """Return a number as text with about three digits; ``-`` for None."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= LARGE else f"{value:.3g}"
    return "-" if value is None else str(value)
