"""Ports have names for every language, and the types that policies take."""

from __future__ import annotations

import exported
import numpy as np
from gymnasium import spaces

from sb3_prune.exporting.ports import observation_ports, other_inputs, policy_inputs


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


def test_what_a_policy_takes() -> None:
    raw = np.zeros((2, 3), np.float32)
    policy = exported.agent("LSTM-two").policy
    observation, states, starts = policy_inputs(policy, raw, (None, [1, 0]), None)
    assert observation.shape == (2, 3) and starts.tolist() == [1, 0]
    assert [state.shape[1] for state in states] == [2, 2]
    masks = np.ones((2, 5), bool)
    policy = exported.agent("Maskable-two").policy
    assert policy_inputs(policy, raw, (None, None), masks)[1] is masks
