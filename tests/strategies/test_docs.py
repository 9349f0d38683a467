"""Tests for docs/strategies.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sb3_prune.strategies import DISTRIBUTIONS, SCHEDULES, SCORES

PAGE = Path(__file__).parents[2] / "docs" / "strategies.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def run(block: str, **names: Any) -> dict[str, Any]:
    exec(compile(block, str(PAGE), "exec"), names)
    return names


def test_the_figure_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(BLOCKS[1])
    assert (tmp_path / "schedules.png").stat().st_size > 1000


def test_the_example_registers_a_strategy() -> None:
    found: list[type] = []
    run(BLOCKS[2])["register_strategies"](found.append)
    assert found[0]().config.final_sparsity == 0.8  # type: ignore[attr-defined]


def test_every_name_has_its_row() -> None:
    for name in (*SCHEDULES, *DISTRIBUTIONS, *SCORES):
        assert f"| `{name}` |" in PAGE.read_text("utf-8")
