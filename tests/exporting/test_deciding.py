"""The module that decides does it as predict does, and names its inputs."""

from __future__ import annotations

import exported
import numpy as np
import pytest
import torch
from gymnasium import spaces

from sb3_prune.exceptions import ExportError
from sb3_prune.exporting.deciding import Deciding, observation_ports, other_inputs
from sb3_prune.surgery import trial


def test_keys_become_names() -> None:
    keys = ["a b", "a-b", "é", "a_b"]
    space = spaces.Dict({key: exported.BOX for key in keys})
    names = [port.name for port in observation_ports(space)]
    assert len(set(names)) == len(keys)
    assert all(name.isidentifier() and name.isascii() for name in names)


def test_normalised_parts_are_precise() -> None:
    found = {p.key: p.dtype for p in observation_ports(exported.MIXED, ["joint angle"])}
    assert found["joint angle"] == np.float64 and found["gear"] == np.int64
    (plain,) = observation_ports(exported.WIDE)
    assert plain.dtype == np.float32


def test_masks_and_states_are_inputs() -> None:
    (mask,) = other_inputs(exported.agent("Maskable-two").policy)
    assert mask.shape == (5,) and mask.dtype == np.bool_
    kinds = [port.kind for port in other_inputs(exported.agent("LSTM-two").policy)]
    assert kinds == ["state", "state", "episode_start"]
    assert not list(other_inputs(exported.agent("SAC").policy))


@torch.no_grad()
def test_it_decides() -> None:
    model = exported.agent("PPO-box")
    deciding = Deciding(trial.copied(model.policy), {}).eval()  # type: ignore[arg-type]
    raw = np.random.default_rng(0).normal(size=(6, 4)) * 3
    expected, _ = model.predict(raw, deterministic=True)
    (found,) = deciding(torch.tensor(raw, dtype=torch.float32))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_boxes_of_whole_numbers() -> None:
    model = exported.anyhow(exported.BOX, spaces.Box(0, 9, (2,), np.int64))
    with pytest.raises(ExportError, match="must be floats"):
        Deciding(model.policy, {})
