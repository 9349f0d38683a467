"""Tests for exporting/schedules.py: a plain zip does not need RL Zoo."""

from __future__ import annotations

import sys
import zipfile
from base64 import b64decode
from json import loads
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.utils import FloatSchedule, LinearSchedule

import sb3_prune as sp
from sb3_prune.exporting.schedules import FROM_ZOO, stock_schedule

SOURCE = """
class SimpleLinearSchedule:
    def __init__(self, initial_value):
        self.initial_value = float(initial_value)
    def __call__(self, progress_remaining):
        return progress_remaining * self.initial_value
"""


@pytest.fixture
def schedule(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A schedule as of RL Zoo, which pickles by the name of its module."""
    for name in ("rl_zoo3", FROM_ZOO[0]):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    module = sys.modules[FROM_ZOO[0]]
    exec(SOURCE, vars(module))
    return module.SimpleLinearSchedule(0.25)


def pickles(path: Path) -> bytes:
    """Return all pickles in the settings of a zip."""
    data = loads(zipfile.ZipFile(path).read("data"))
    objects = [value for value in data.values() if isinstance(value, dict)]
    return b"".join(b64decode(value.get(":serialized:", "")) for value in objects)


def test_a_schedule_of_rl_zoo_has_an_equal_one(schedule: Any) -> None:
    for given in (schedule, FloatSchedule(schedule)):
        found = stock_schedule(given)
        assert type(found).__module__ == "stable_baselines3.common.utils"
        for left in (1.0, 0.7, 0.1, 0.0):
            assert found(left) == pytest.approx(given(left), rel=1e-12)


@pytest.mark.parametrize("other", [0.001, FloatSchedule(LinearSchedule(1, 0.5, 1)), {}])
def test_everything_else_stays(other: Any) -> None:
    assert stock_schedule(other) is other


def test_a_plain_zip_does_not_name_rl_zoo(schedule: Any, tmp_path: Path) -> None:
    model = PPO(
        sp.MaskedActorCriticPolicy,
        "CartPole-v1",
        learning_rate=schedule,
        clip_range=schedule,
        device="cpu",
    )
    model.save(tmp_path / "pruned.zip")
    assert b"rl_zoo3" in pickles(tmp_path / "pruned.zip")
    sp.compact(model).save(tmp_path / "plain.zip")
    assert b"rl_zoo3" not in pickles(tmp_path / "plain.zip")
    assert model.learning_rate is schedule
    loaded = PPO.load(tmp_path / "plain.zip", device="cpu")
    assert loaded.lr_schedule(0.5) == loaded.clip_range(0.5) == 0.125
