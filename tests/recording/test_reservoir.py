"""Tests for recording/reservoir.py."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import torch
from safetensors.torch import save
from sb3_contrib.common.recurrent.type_aliases import RNNStates

from sb3_prune.exceptions import CheckpointError
from sb3_prune.recording.observations import count_observations
from sb3_prune.recording.reservoir import Reservoir, join
from sb3_prune.surgery.flow.forwards import Inputs


def rollout(size: int, first: float = 0.0) -> Inputs:
    seen = torch.arange(size, dtype=torch.float32)[:, None] + first
    return Inputs(observations=seen)


def held(reservoir: Reservoir) -> list[float]:
    inputs = reservoir.inputs()
    assert inputs is not None
    return inputs.observations.flatten().tolist()  # type: ignore[union-attr]


def test_it_keeps_whole_rollouts_until_there_are_enough() -> None:
    reservoir = Reservoir(5)
    assert reservoir.inputs() is None
    for i in range(3):
        reservoir.add(rollout(2, 10.0 * i))
    assert held(reservoir) == [0, 1, 10, 11, 20, 21]
    reservoir.add(rollout(2, 30.0))
    assert held(reservoir) == [10, 11, 20, 21, 30, 31]
    reservoir.add(rollout(6, 40.0))
    assert held(reservoir) == [40, 41, 42, 43, 44, 45]


def test_it_forgets_when_told_and_when_fewer_are_needed() -> None:
    reservoir = Reservoir(10)
    for i in range(4):
        reservoir.add(rollout(2, 10.0 * i))
    reservoir.needed = 2
    reservoir.add(rollout(2, 90.0))
    assert held(reservoir) == [90, 91]
    reservoir.clear()
    assert reservoir.inputs() is None and reservoir.state() == []


def states(size: int) -> RNNStates:
    a, b, c, d = (torch.randn(2, size, 4) for _ in range(4))
    return RNNStates((a, b), (c, d))


KINDS: dict[str, Any] = {
    "vector": lambda n: Inputs(observations=torch.randn(n, 3)),
    "double": lambda n: Inputs(observations=torch.randn(n, 3).double()),
    "whole numbers": lambda n: Inputs(observations=torch.randint(9, (n, 1))),
    "picture": lambda n: Inputs(
        observations=torch.randint(256, (n, 1, 4, 4), dtype=torch.uint8)
    ),
    "bools": lambda n: Inputs(observations=torch.rand(n, 3) > 0.5),
    "dictionary": lambda n: Inputs(
        observations={
            "state/1": torch.randn(n, 2),
            "img": torch.randint(256, (n, 1, 4, 4), dtype=torch.uint8),
            "actions": torch.rand(n, 1) > 0.5,
        }
    ),
    "critic": lambda n: Inputs(observations=torch.randn(n, 3), actions=torch.randn(n)),
    "memory": lambda n: Inputs(observations=torch.randn(n, 3), lstm_states=states(n)),
    "all": lambda n: Inputs(
        observations={"a": torch.randn(n, 2)},
        actions=torch.randn(n, 1),
        lstm_states=states(n),
    ),
}


def tensors(inputs: Inputs) -> list[torch.Tensor]:
    seen, memory = inputs.observations, inputs.lstm_states
    # A dictionary has no order: files do not keep it.
    found = [seen[key] for key in sorted(seen)] if isinstance(seen, dict) else [seen]
    found += [] if inputs.actions is None else [inputs.actions]
    return found + ([] if memory is None else [*memory.pi, *memory.vf])


def assert_equal(found: Inputs, expected: Inputs) -> None:
    if isinstance(expected.observations, dict):
        assert found.observations.keys() == expected.observations.keys()  # type: ignore[union-attr]
    pairs = zip(tensors(found), tensors(expected), strict=True)
    assert all(x.dtype == y.dtype and torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_is_json_and_comes_back_exactly(kind: str) -> None:
    torch.manual_seed(0)
    reservoir, other = Reservoir(100), Reservoir(100)
    parts = [KINDS[kind](n) for n in (3, 1, 5)]
    for each in parts:
        reservoir.add(each)
    other.load_state(json.loads(json.dumps(reservoir.state())))
    found, expected = other.inputs(), reservoir.inputs()
    assert found is not None and expected is not None
    assert_equal(found, expected)
    assert count_observations(found.observations) == 9
    more = KINDS[kind](7)
    for each in (reservoir, other):
        each.add(more)
    assert reservoir.state() == other.state()


@pytest.mark.parametrize("kind", KINDS)
def test_joined_inputs_are_the_parts_in_order(kind: str) -> None:
    torch.manual_seed(0)
    parts = [KINDS[kind](n) for n in (3, 2)]
    whole = join(parts)
    for index, each in enumerate(tensors(whole)):
        axis = int(each.ndim == 3 and each.shape[0] == 2 and "float" in str(each.dtype))
        expected = torch.cat([tensors(one)[index] for one in parts], axis)
        assert torch.equal(each, expected)
    assert_equal(join(parts[:1]), parts[0])


def test_one_rollout_that_is_enough_needs_no_state() -> None:
    reservoir = Reservoir(4)
    reservoir.add(rollout(4))
    assert reservoir.state() == []
    reservoir.needed = 5
    assert len(reservoir.state()) == 1


def test_inputs_lie_on_the_device_that_is_asked_for() -> None:
    reservoir = Reservoir(9)
    reservoir.add(KINDS["all"](2))
    found = reservoir.inputs("meta")
    assert found is not None
    assert {each.device.type for each in tensors(found)} == {"meta"}


@pytest.mark.parametrize(
    "texts", [["no base64!"], ["YWJj"], [3], [None], ["e30="], ["é"]]
)
def test_a_damaged_state_is_refused_and_changes_nothing(texts: list[Any]) -> None:
    reservoir = Reservoir(9)
    reservoir.add(rollout(2))
    with pytest.raises(CheckpointError, match="Saved inputs are damaged"):
        reservoir.load_state(texts)
    assert held(reservoir) == [0, 1]


def test_inputs_without_observations_are_refused() -> None:
    text = base64.b64encode(save({"actions": torch.zeros(2)})).decode()
    with pytest.raises(CheckpointError, match="Saved inputs are damaged: KeyError"):
        Reservoir(9).load_state([text])
