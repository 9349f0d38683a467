"""The code in docs/export_c.md runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import zoo
from sb3_prune_export import CExporter

from .c import running

PAGE = (Path(__file__).parents[3] / "docs" / "export_c.md").read_text("utf-8")
MAIN = """
#include <stdio.h>
static void read_sensors(float *observation);
static void move(const float *action);
{snippet}
static void read_sensors(float *x) {{ x[0] = 1; x[1] = 0; x[2] = 0; }}
static void move(const float *action) {{ printf("%g ", (double)action[0]); }}
int main(void) {{ step(); printf("%g", arm_test()); return 0; }}
"""


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_the_snippets_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running.require("gcc")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"model": zoo.trained("SAC"), "observation": [1, 0, 0]}
    exported, reused = snippets("python")
    exec(exported + reused, names)
    (code,) = snippets("c")
    text = (tmp_path / "arm.h").read_text("utf-8")
    source = "#define ARM_TEST\n" + MAIN.format(snippet=code)
    found = running.compiled(source, {"arm.h": text}, "gcc", "-std=c99").split()
    assert float(found[0]) == pytest.approx(float(names["action"][0]), abs=1e-4)
    assert float(found[1]) < 1e-5


def test_every_option_is_on_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    options = [name for name in CExporter.Config.__dataclass_fields__]
    assert set(options) <= set(rows)
