"""The tables of all agents, as Markdown."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.agents.cutting import METHODS, SHARES
from benchmarks.agents.sheets import normalised
from benchmarks.harness import Table

Sheets = list[dict[str, Any]]
HEAD = """# Agents that others trained, pruned once and not retrained

Only the network that chooses actions is pruned. Returns are normalised: 1 is the dense
agent's, 0 that of random actions, in the same {episodes} greedy episodes of each agent.
Where pruning looks at the agent play, these are {watched} other episodes.
Clusters have no share to set: their threshold is the one that comes closest.

"""


def text(sheets: Sheets) -> str:
    """Return the page: medians, agents, one table per method, and what was left out."""
    tried = [sheet for sheet in sheets if "dense" in sheet]
    tables = [medians(tried), agents(tried)]
    tables += [of_method(tried, name) for name in METHODS if _has(tried, name)]
    tables += [refused(sheets)] if len(tried) < len(sheets) else []
    settings = tried[0]["settings"] if tried else {"episodes": "", "watched": ""}
    return HEAD.format(**settings) + "\n".join(table.markdown() for table in tables)


def medians(sheets: Sheets) -> Table:
    """Compare the methods by their median over the agents."""
    table = Table(
        "Median of the agents, and how many keep at least 0.9",
        ["method", *(f"{share:.0%} gone" for share in SHARES), "seconds"],
    )
    for method in METHODS:
        columns = [_column(sheets, method, share) for share in SHARES]
        cells = [_median(values, len(sheets)) for values in columns]
        if any(cell != "-" for cell in cells):
            table.rows.append([method, *cells, _seconds(sheets, method)])
    return table


def agents(sheets: Sheets) -> Table:
    """List the agents, dense."""
    table = Table(
        "The agents before pruning",
        ["agent", "environment", "units", "parameters", "return", "std", "random"],
    )
    for sheet in sheets:
        dense, random = sheet["dense"], sheet["random"]["return"]
        counts = [dense["units"], dense["parameters"]]
        returns = [dense["return"], dense["std"], random]
        shown = [f"{value:,.1f}" for value in returns]
        table.rows.append([sheet["agent"], sheet["env"], *counts, *shown])
    return table


def of_method(sheets: Sheets, method: str) -> Table:
    """List the normalised returns of one method, agent by agent."""
    columns = [f"{share:.0%} gone" for share in SHARES]
    table = Table(method.capitalize(), ["agent", *columns])
    for sheet in sheets:
        values = [normalised(sheet, method, share) for share in SHARES]
        table.rows.append([sheet["agent"], *map(_shown, values)])
    return table


def refused(sheets: Sheets) -> Table:
    """List the agents that could not be tried, with the reason."""
    table = Table("Not tried", ["agent", "reason"])
    out = [sheet for sheet in sheets if "dense" not in sheet]
    table.rows += [[s["agent"], s.get("reason", "not begun")] for s in out]
    return table


def _column(sheets: Sheets, method: str, share: float) -> list[float]:
    found = [normalised(sheet, method, share) for sheet in sheets]
    return [value for value in found if value is not None]


def _median(values: list[float], agents: int) -> str:
    """Return the median; nothing as long as an agent is missing."""
    if len(values) < agents:
        return "-"
    kept = sum(value >= 0.9 for value in values)
    return f"{statistics.median(values):.2f} ({kept} of {len(values)})"


def _seconds(sheets: Sheets, method: str) -> str:
    spent = [
        cell["seconds"]
        for sheet in sheets
        for cell in sheet["cells"].values()
        if cell["method"] == method and "seconds" in cell
    ]
    return f"{statistics.median(spent):.2f}" if spent else "-"


def _has(sheets: Sheets, method: str) -> bool:
    return any(_column(sheets, method, share) for share in SHARES)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
