"""Tests for docs/screening_statistics.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sb3_prune.runs import write_table
from screening.tabled import drawn

PAGE = Path(__file__).parents[2] / "docs" / "screening_statistics.md"
CODE = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.mark.slow
def test_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runs, generator = drawn(1_000, 0, effect=0.3), np.random.default_rng(0)
    rows: list[dict[str, Any]] = [
        {
            "seed": int(seed),
            "value": float(value),
            "passed": None,
            "solved": bool(success),
            "steps_to_solve": float(spent) if success else None,
            "steps": float(spent),
            "entropies": generator.normal(size=128).tolist(),
        }
        for seed, value, spent, success in zip(
            runs.seeds, runs.values, runs.iterations, runs.successes, strict=True
        )
    ]
    write_table("runs/screened.parquet", rows)
    exec("\n".join(CODE), {})
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said[:5]] == [
        *("threshold", "boost", "boost", "within", "within")
    ]
    assert said[5].startswith("Relation(correlation=-")
    assert [line.split()[0] for line in said[6:]] == ["all", "first", "second"]
    assert sorted(each.name for each in tmp_path.glob("*.png")) == [
        "runs.png",
        "thresholds.png",
    ]
