"""Tests for benchmarks/ofexinet/shapes.py: other ways to Prune-B's final sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
import torch

import sb3_prune as sp
from benchmarks.ofexinet import budget, running
from benchmarks.ofexinet.shapes import final_units
from sb3_prune.exceptions import JobError

SMOKE = replace(budget.SMOKE, random_steps=40)
TASK = replace(SMOKE.tasks[0], steps=200, phases=(0.5, 0.8), shared=True)


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Return half of OFE-Big's units, which stand for Prune-B's."""
    big = running.build(SMOKE, TASK, budget.OFE_BIG, 0, gym.make(TASK.env))
    found = {n: max(1, k // 2) for n, k in sp.wire(big.policy).units().items()}
    monkeypatch.setattr(running, "ROOT", tmp_path)
    monkeypatch.setattr(running, "final_units", lambda *_: found)
    return found


def history(folder: Path, variant: budget.Variant) -> list[dict[str, Any]]:
    found = running.train(folder / variant.name, SMOKE, TASK, variant, 0)["history"]
    assert isinstance(found, list)
    return found


def test_final_units_are_means_of_two_agents() -> None:
    task = budget.SMALL.tasks[0]
    found = final_units(task, running.RESULTS)
    # 21 and 18, 26 and 33, 45 and 34, 46 and 43 units.
    assert [found[f"ofe.phi_o.{k}"] for k in range(4)] == [20, 30, 40, 44]


def test_missing_agents_are_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"prune-b-1.json' does not exist"):
        final_units(budget.SMALL.tasks[0], tmp_path)


def test_small_agents_from_scratch_are_drawn_anew(units: dict[str, int]) -> None:
    env = gym.make(TASK.env)
    model: Any = running.build(SMOKE, TASK, budget.SMALL_DENSE, 0, env)
    assert sp.wire(model.policy).units() == units
    first = model.policy.actor.latent_pi[0]
    # Torch draws biases from +- 1 / sqrt(inputs), here of the small features.
    assert first.bias.abs().max() <= first.in_features**-0.5
    online, target = model.policy.value, model.policy.value_target
    for ours, theirs in zip(online.parameters(), target.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.slow
def test_a_cut_agent_grows_from_the_big_one(
    units: dict[str, int], tmp_path: Path
) -> None:
    rows = history(tmp_path, budget.CUT_B)
    before, after = (
        [row for row in rows if (row["timesteps"] > 100) is late]
        for late in (False, True)
    )
    assert all(row["units"] == units for row in after) and len(after) > 1
    assert all(sum(r["units"].values()) > sum(units.values()) for r in before)


@pytest.mark.slow
def test_drawing_alone_removes_nothing(
    units: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: list[list[bool]] = []
    look = running.Recording.look

    def watch(self: Any) -> None:
        gates = [layer.gate for layer in sp.wire(self.model.policy).values()]
        learnt.append([gate is not None and gate.theta is not None for gate in gates])
        look(self)

    monkeypatch.setattr(running.Recording, "look", watch)
    rows = history(tmp_path, budget.DRAWN_B)
    # Thetas learn from 100 to 160 of 200 steps; then every gate is open again.
    assert [row["timesteps"] for row in rows] == [66, 132, 198, 200]
    assert [any(each) for each in learnt] == [False, True, False, False]
    assert all(sum(r["units"].values()) > sum(units.values()) for r in rows)
    assert rows[0]["units"] == rows[-1]["units"]
