"""Sheets: the results of one agent in one file, saved after every cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.agents.finding import Found
from sb3_prune.files import write_text


class Sheet:
    """The results of one agent.

    Args:
        folder: Folder of all sheets.
        found: The agent.
        settings: What all cells depend on.

    Raises:
        ValueError: The saved sheet has other settings.

    Attributes:
        content: The results; ``cells`` has one row per method and share.
    """

    def __init__(self, folder: Path, found: Found, settings: dict[str, Any]) -> None:
        self.path = folder / f"{found.name.replace('/', '-')}.json"
        self.content: dict[str, Any] = {"agent": found.name, "cells": {}}
        if self.path.is_file():
            self.content = json.loads(self.path.read_text())
        if self.content.setdefault("settings", settings) != settings:
            raise ValueError(f"{self.path} has other settings: move it away.")

    def has(self, method: str, share: float) -> bool:
        """Return whether a cell is done; a cell that failed is not."""
        cell = self.content["cells"].get(_key(method, share), {"error": ""})
        return "error" not in cell

    def put(self, method: str, share: float, cell: dict[str, Any]) -> None:
        """Save a cell at once."""
        self.content["cells"][_key(method, share)] = {
            "method": method,
            "share": share,
            **cell,
        }
        self.save()

    def refuse(self, reason: str) -> None:
        """Save why the agent cannot be tried."""
        self.content["reason"] = reason
        self.save()

    def save(self) -> None:
        """Write the file, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.path, json.dumps(self.content, indent=1) + "\n")


def read_all(folder: Path) -> list[dict[str, Any]]:
    """Return the contents of all sheets, by name."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def normalised(sheet: dict[str, Any], method: str, share: float) -> float | None:
    """Return a cell's return, 0 for a random policy's and 1 for the dense agent's.

    None if the cell is missing, or if the dense agent is no better than random.
    """
    cell = sheet["cells"].get(_key(method, share), {})
    if "return" not in cell or sheet["dense"]["return"] <= sheet["random"]["return"]:
        return None
    return on_scale(sheet, cell["return"])


def on_scale(sheet: dict[str, Any], value: float) -> float:
    """Return a return where 0 is that of random actions and 1 the dense agent's."""
    low, high = sheet["random"]["return"], sheet["dense"]["return"]
    return float((value - low) / (high - low))


def gone(sheet: dict[str, Any], method: str, share: float) -> float:
    """Return the share of units that a cell has really removed."""
    return float(sheet["cells"][_key(method, share)]["units_gone"])


def _key(method: str, share: float) -> str:
    return f"{method} {share}"
