"""Tables: nested numbers as lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LARGE = 100
"""Numbers from here on are shown without decimals."""


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table as lines: names at the left, numbers flush right."""
    first, *others = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([name.ljust(first), *map(str.rjust, cells, others)]).rstrip()
        for name, *cells in rows
    ]


def find_tables(
    found: Mapping[str, Any], caption: str = ""
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the tables in an analysis' numbers: caption -> row -> column -> number.

    A table is a mapping of mappings that each have numbers, wherever it is. Lists, such
    as of every unit or of a curve, are no columns: they are for the file.
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
    """Return a number with about three digits, ``-`` for None."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= LARGE else f"{value:.3g}"
    return "-" if value is None else str(value)
