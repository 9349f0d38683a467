"""Tests for transplanting/entries.py."""

from __future__ import annotations

import pytest
from gymnasium import spaces
from stable_baselines3 import PPO

from sb3_prune.transplanting.entries import find_parts
from transplanting.looks import SPACES, env_of, image, untrained

EXPECTED = {
    "image": [("", "image", 0, 3)],
    "rows": [("", "vector", 0, 6)],
    "choices": [("", "choices", 0, 4)],
    "branches": [("", "choices", 0, 5)],
    "switches": [("", "vector", 0, 3)],
    "keys": [("arm", "vector", 0, 3), ("ball", "vector", 3, 2), ("eye", "image", 5, 2)],
    "flat keys": [("arm", "vector", 0, 3), ("mode", "choices", 3, 3)],
    "vector": [("", "vector", 0, 5)],
}


@pytest.mark.parametrize("space", EXPECTED)
@pytest.mark.parametrize("name", ["PPO", "DQN", "SAC"])
def test_entries_are_counted_over_all_keys(space: str, name: str) -> None:
    parts = find_parts(untrained(name, SPACES[space]).policy)
    found = [(part.key, part.kind, part.start, part.count) for part in parts]
    assert found == EXPECTED[space]


def test_images_that_are_flattened_are_vectors() -> None:
    policy = PPO("MlpPolicy", env_of("PPO", image(1, 4, 4)), device="cpu").policy
    assert [(part.kind, part.count) for part in find_parts(policy)] == [("vector", 16)]


def test_sizes_and_branches() -> None:
    keys = spaces.Dict({"a": image(2, 40, 50), "b": spaces.MultiDiscrete([2, 3])})
    image_, branches = find_parts(untrained("PPO", keys).policy)
    assert image_.size == (40, 50) and image_.branches == []
    assert branches.size == (1, 1) and branches.branches == [2, 3]
    path = "pi_features_extractor.extractors.a"
    assert image_.owns(path) and image_.owns(f"{path}.cnn.0.weight")
    assert not image_.owns(f"{path}a.cnn.0") and not branches.owns(path)
    assert image_.port == "observations.a" and "'a' (image, 2 entries)" in str(image_)
