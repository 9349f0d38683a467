"""Tests for docs/compensation.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "compensation.md"


@pytest.mark.slow
def test_the_examples_run(capsys: object) -> None:
    del capsys  # Swallows what the example prints.
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        exec(compile(code, str(PAGE), "exec"), names)
    units = names["sb3_prune"].wire(names["model"].policy).units()  # type: ignore[attr-defined]
    assert set(units.values()) == {32}  # Half, and then the same half of the initial.
