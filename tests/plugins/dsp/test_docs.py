"""Tests for docs/dsp.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from sb3_prune_dsp import THRESHOLDS, register_strategies
from sb3_prune_dsp.dsp import Threshold

PAGE = (Path(__file__).parents[3] / "docs" / "dsp.md").read_text("utf-8")


@pytest.mark.slow
def test_the_example_leaves_a_plain_small_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, pops = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code.replace("100_000", "6_000"), names)
    assert (tmp_path / "small.zip").exists()
    quick = "loss=0.05, prunings=1, updates=10, episodes=2"
    exec(pops.replace("loss=0.05", quick), names)
    assert names["report"].steps[0].kind == "teacher"


def test_every_name_has_its_row() -> None:
    found: list[type] = []
    register_strategies(found.append)
    names = [cls.name for cls in found[1:]]  # type: ignore[attr-defined]
    assert set(THRESHOLDS) < set(get_args(Threshold))
    for name in (*names, *get_args(Threshold)):
        assert f"| `{name}` |" in PAGE
