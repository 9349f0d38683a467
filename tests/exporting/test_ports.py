"""Ports have names for every language, and the types that policies take."""

from __future__ import annotations

import exported
import numpy as np
from gymnasium import spaces

from sb3_prune.exporting.ports import observation_ports, other_inputs


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


def test_names_differ_as_capitals_too() -> None:
    """Macros in C are capitals."""
    space = spaces.Dict({"a": exported.BOX, "A": exported.WIDE})
    names = [port.name.upper() for port in observation_ports(space)]
    assert len(set(names)) == 2
