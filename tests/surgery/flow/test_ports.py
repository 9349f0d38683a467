"""Tests for surgery/flow/ports.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import zoo
from gymnasium import spaces
from stable_baselines3 import PPO
from torch import nn
from transplanting.looks import untrained

from sb3_prune.surgery.flow.ports import find_ports
from sb3_prune.surgery.flow.slots import Side
from surgery.flow.tiny import TinyPolicy

READS_ACTIONS = ("SAC", "ValueSAC", "TD3", "DDPG", "TQC", "CrossQ")


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_columns_of_entries_are_those_that_gradients_reach(name: str) -> None:
    policy = zoo.make_model(name).policy
    ports = find_ports(policy)
    seen = ports["observations"]
    assert seen.opaque is None
    assert seen.entries == policy.observation_space.shape[0]
    reading = [s for s in seen.slots if s.side is Side.COLUMNS]
    assert len(reading) >= 2
    for slot in reading:
        assert slot.tensor.shape[slot.axis] >= slot.start + seen.entries
    read = "actions" in ports and bool(ports["actions"].slots)
    assert read == (name in READS_ACTIONS)
    if read:  # The critics get observations first, then actions.
        starts = {s.start for s in ports["actions"].slots}
        assert starts == {seen.entries}


class Parted(nn.Module):
    """Reads the first two entries by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(2, 3), nn.Linear(3, 3)
        self.out = nn.Linear(3, 2)

    def forward(self, x: Any) -> Any:
        return self.out(torch.relu(self.a(x[:, :2]) + self.b(x[:, 2:])))


class Sorted(nn.Module):
    """Mixes the entries by something that no rule knows."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(5, 2)

    def forward(self, x: Any) -> Any:
        return self.out(torch.sort(x, dim=1).values)


@pytest.mark.parametrize(("net", "why"), [(Parted(), "takes it apart"), (Sorted(), "")])
def test_code_that_knows_single_entries_is_seen(net: nn.Module, why: str) -> None:
    port = find_ports(TinyPolicy(net, (5,)))["observations"]
    assert port.opaque is not None and why in port.opaque


def test_dictionaries_and_images() -> None:
    space = spaces.Dict(
        {
            "a": spaces.Box(-1, 1, (3,), np.float32),
            "image": spaces.Box(0, 255, (1, 36, 36), np.uint8),
        }
    )
    env = zoo.make_env("BranchingDQN")
    env.observation_space = space
    policy = PPO("MultiInputPolicy", env).policy
    ports = find_ports(policy)
    assert ports["observations.a"].entries == 3
    assert ports["observations.a"].opaque is None
    assert ports["observations.image"].opaque is None
    (channels,) = ports["observations.image"].slots
    assert (channels.axis, channels.side) == (1, Side.COLUMNS)


@pytest.mark.parametrize("first", [nn.LayerNorm(5), nn.Softmax(1)])
def test_code_that_mixes_entries_is_seen(first: nn.Module) -> None:
    net = nn.Sequential(first, nn.Linear(5, 2))
    port = find_ports(TinyPolicy(net, (5,)))["observations"]
    assert port.opaque is not None and "mixes them" in port.opaque


FLAT = [
    (spaces.Box(-1, 1, (2, 3), np.float32), 6),
    (spaces.Discrete(4), 4),
    (spaces.MultiDiscrete([2, 3]), 5),
    (spaces.MultiBinary([2, 2]), 4),
]


@pytest.mark.parametrize(("space", "entries"), FLAT)
def test_what_is_flattened_has_a_column_for_each_entry(
    space: Any, entries: int
) -> None:
    env = zoo.make_env("BranchingDQN")
    env.observation_space = space
    port = find_ports(PPO("MlpPolicy", env).policy)["observations"]
    assert (port.entries, port.opaque) == (entries, None)
    assert [slot.tensor.shape[1] for slot in port.slots] == [entries, entries]


def test_what_else_an_extractor_gets_is_seen() -> None:
    """Observations with something behind them are no observations."""
    env = zoo.make_env("BranchingDQN")
    env.observation_space = spaces.Discrete(4)
    policy = PPO("MlpPolicy", env).policy
    flatten = policy.features_extractor
    found = policy.extract_features
    policy.extract_features = lambda obs: (flatten(torch.zeros(3, 9)), found(obs))[1]
    port = find_ports(policy)["observations"]
    assert port.opaque == "a features extractor gets something else, too"


def test_inputs_of_one_entry_are_followed() -> None:
    one, two = (spaces.Box(-1, 1, (n,), np.float32) for n in (1, 2))
    space = spaces.Dict({"a": one, "b": two, "c": one})
    ports = find_ports(untrained("PPO", space).policy)
    for key, start in (("a", 0), ("b", 1), ("c", 3)):
        assert {s.start for s in ports[f"observations.{key}"].slots} == {start}
