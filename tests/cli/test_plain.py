"""Tests for cli/plain.py."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from zoo import trained

from sb3_prune.cli import plain as module
from sb3_prune.cli.plain import loads_equal, save_plain
from sb3_prune.exceptions import CompactError


@pytest.mark.slow
def test_a_fresh_process_acts_equally(tmp_path: Path) -> None:
    model = trained("BranchingDQN")  # SAC is what `sb3-prune compact` is tested on.
    plain = save_plain(model, tmp_path / "plain.zip")
    assert loads_equal(model, plain, tmp_path / "plain.zip")


def test_other_actions_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = save_plain(trained("SAC"), tmp_path / "plain.zip")
    monkeypatch.setattr(module, "plain_actions", lambda *_: np.full((64, 1), 5.0))
    assert not loads_equal(trained("SAC"), plain, tmp_path / "plain.zip")


def test_what_cannot_be_said_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By module: the package has a function of that name.
    compact = importlib.import_module("sb3_prune.exporting.compaction")
    monkeypatch.setattr(compact, "MAX_JOINT_ACTIONS", 3)
    with pytest.raises(CompactError):
        save_plain(trained("BranchingDQN"), tmp_path / "plain.zip")
    assert list(tmp_path.iterdir()) == []
