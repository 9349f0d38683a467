"""Tests for cli/plain.py."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import exported
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import TD3
from stable_baselines3.common.base_class import BaseAlgorithm
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


def here(
    monkeypatch: pytest.MonkeyPatch, model: BaseAlgorithm, other: BaseAlgorithm
) -> bool:
    """Compare two agents, the other one in this process."""

    def play(_: Any, __: Any, observations: Any, steps: int = 1) -> np.ndarray:
        state, chosen = None, []
        for _ in range(steps):
            action, state = other.predict(observations, state, deterministic=True)
            chosen.append(action)
        return np.concatenate(chosen)

    monkeypatch.setattr(module, "plain_actions", play)
    return loads_equal(model, other, "nowhere")


@pytest.mark.parametrize("half", [5e-5, 5e5])
def test_actions_are_measured_by_their_box(
    half: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions = spaces.Box(-half, half, (2,), np.float32)
    model, other = (exported.anyhow(exported.BOX, actions, TD3) for _ in range(2))
    assert here(monkeypatch, model, other)
    with torch.no_grad():
        other.policy.actor.mu[-2].bias.add_(1e-6)
    assert here(monkeypatch, model, other)
    with torch.no_grad():
        other.policy.actor.mu[-2].bias.add_(0.01)
    assert not here(monkeypatch, model, other)


def test_what_is_remembered_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    model, other = (exported.AGENTS["LSTM-two"]() for _ in range(2))
    assert here(monkeypatch, model, other)
    with torch.no_grad():
        other.policy.lstm_actor.weight_hh_l0.normal_()
    assert not here(monkeypatch, model, other)


def test_what_does_not_load_is_named_as_it_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, *_: Any) -> None:
        raise CompactError(f"'{path}' does not load")

    monkeypatch.setattr(module, "plain_actions", fail)
    with pytest.raises(CompactError, match=r"/plain.zip' does not load"):
        save_plain(trained("SAC"), tmp_path / "plain.zip", verify=True)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_said_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By module: the package has a function of that name.
    compact = importlib.import_module("sb3_prune.exporting.compaction")
    monkeypatch.setattr(compact, "MAX_JOINT_ACTIONS", 3)
    with pytest.raises(CompactError):
        save_plain(trained("BranchingDQN"), tmp_path / "plain.zip")
    assert list(tmp_path.iterdir()) == []
