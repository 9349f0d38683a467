"""A decision says what it takes and gives."""

from __future__ import annotations

import dataclasses

import exported
import numpy as np
import pytest


def test_ports_name_what_they_carry() -> None:
    found = exported.decision("RecurrentPPO")
    names = [port.name for port in (*found.inputs, *found.outputs)]
    assert names == [
        "observation",
        "state_0",
        "state_1",
        "episode_start",
        "action",
        "new_state_0",
        "new_state_1",
    ]
    assert [port.kind for port in found.outputs] == ["action", "state", "state"]
    assert found.inputs[0].dtype == np.float32 and found.inputs[0].key is None


def test_the_program_takes_the_inputs_in_order() -> None:
    found = exported.decision("PPO-mixed")
    given = found.program.graph_signature.user_inputs
    assert list(given) == [port.name for port in found.inputs]


def test_a_decision_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        exported.decision("SAC").inputs = ()  # type: ignore[misc]
