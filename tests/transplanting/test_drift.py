"""Tests for transplanting/drift.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from gymnasium import spaces

from sb3_prune.transplanting import plan_transplant
from sb3_prune.transplanting.drift import moved_states
from sb3_prune.transplanting.pairing import pair_observations
from transplanting.looks import SPACES, env_of, numbers, trained, untrained


@pytest.mark.parametrize("name", ["PPO", "DQN", "SAC"])
def test_drift_is_the_largest_move_of_an_output(name: str) -> None:
    old = trained(name, "vector")
    more = plan_transplant(
        old, env=env_of(name, numbers(6)), observations=[*range(5), None]
    )
    assert more.moved < 1e-6
    fewer = plan_transplant(old, env=env_of(name, numbers(3)), observations=[0, 1, 2])
    assert fewer.moved > 1e-3


def test_states_move_with_their_keys() -> None:
    old = untrained("PPO", SPACES["flat keys"])
    space = spaces.Dict({"arm": numbers(3), "mode": spaces.Discrete(4)})
    new = untrained("PPO", space)
    seen = pair_observations(old.policy, new.policy, {"mode": [None, 2, 1, 0]})
    states: Any = {"arm": torch.rand(4, 3), "mode": torch.tensor([0, 1, 2, 0])}
    found = moved_states(new, seen, states)
    assert torch.equal(found["arm"], states["arm"])
    assert found["mode"].tolist() == [3, 2, 1, 3]
    same = pair_observations(old.policy, old.policy, None)
    assert moved_states(old, same, states) is states
