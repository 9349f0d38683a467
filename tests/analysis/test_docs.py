"""Tests for docs/analysis.md."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from recording.made import random_recording
from sb3_prune_clusters import analyses
from sb3_prune_reconstruct import Redundancy
from stable_baselines3.common.vec_env import DummyVecEnv
from zoo import Levers, trained

from sb3_prune.plugins.registry import check_class

PAGE = Path(__file__).parents[2] / "docs" / "analysis.md"
TEXT = PAGE.read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def run(block: str, **names: Any) -> dict[str, Any]:
    exec(compile(block, str(PAGE), "exec"), names)
    return names


@pytest.mark.slow
def test_an_agent_is_analysed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    env = DummyVecEnv([Levers] * 2)
    found = run(BLOCKS[0].replace("300", "3"), model=trained("BranchingDQN"), env=env)
    assert found["recording"].episodes == 3
    assert (tmp_path / "distances.png").stat().st_size > 1000


def test_the_example_registers_an_analysis() -> None:
    found: list[Any] = []
    names = run(BLOCKS[1], __name__="example")
    names["register_analyses"](found.append)
    check_class("analyses", found[0])
    result = found[0]().analyze(random_recording())
    assert json.loads(json.dumps(result.to_dict()))["net.0"]["std"] > 0


def test_every_analysis_has_its_row() -> None:
    for cls in [*vars(analyses).values(), Redundancy]:
        if isinstance(cls, type):
            assert f"| `{cls.name}` |" in TEXT  # type: ignore[attr-defined]


def test_pictures_exist() -> None:
    for path in re.findall(r"!\[.*?\]\((.*?)\)", TEXT):
        assert (PAGE.parent / path).stat().st_size < 200_000
