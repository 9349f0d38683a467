"""Tests for transplanting/plain.py."""

from __future__ import annotations

import copy

import pytest
import torch
import zoo
from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.transplanting.plain import Plain, axis_of

VECTORS, SERIES = torch.ones(6, 5), torch.ones(6, 4, 5)
SOUNDS, IMAGES = torch.ones(6, 2, 9), torch.ones(6, 2, 8, 8)


@pytest.mark.parametrize(
    ("module", "example", "axis"),
    [
        (nn.Linear(5, 3), VECTORS, -1),
        (nn.Linear(5, 3), SERIES, -1),
        (nn.LSTM(5, 3), SERIES, -1),
        (nn.Conv1d(2, 3, 3), SOUNDS, 1),
        (nn.Conv2d(2, 3, 3), IMAGES, 1),
        (nn.Flatten(), IMAGES, 1),
    ],
)
def test_where_entries_lie(module: nn.Module, example: torch.Tensor, axis: int) -> None:
    assert axis_of(module, example) == axis


def test_inputs_and_outputs_are_units() -> None:
    conv, body = nn.Conv2d(2, 3, 3), nn.Linear(108, 4)
    plain = Plain("It", nn.Sequential(conv, nn.Flatten(), body), IMAGES)
    assert plain.wiring().units() == {"inputs": 2, "module.0": 3, "module.2": 4}
    for linear, owner, side in (
        (plain.inputs, conv, Side.COLUMNS),
        (plain.outputs, body, Side.ROWS),
    ):
        (layer,) = plain.edges(linear)
        assert {slot.side for slot in layer.group.slots if slot.owner is owner} == {
            side
        }


def test_a_module_stays_as_it_was() -> None:
    net = nn.Sequential(nn.BatchNorm1d(5), nn.ReLU(inplace=True), nn.Linear(5, 2))
    before, given = copy.deepcopy(net.state_dict()), VECTORS - 2
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    plain = Plain("It", net, given)
    said = plain.say()
    plain.wiring()
    assert torch.equal(torch.rand(1), expected)
    zoo.assert_same(dict(net.state_dict()), dict(before))
    assert net.training and torch.equal(given, VECTORS - 2)
    assert torch.equal(said, net.eval()(given.clone())) and said.shape == (6, 2)


def test_examples_are_repeated_or_cut() -> None:
    plain = Plain("It", nn.Linear(5, 2), torch.arange(10.0).reshape(2, 5))
    for count in (1, 2, 3):
        found, _ = plain.obs_to_tensor([None] * count)
        assert len(found) == count and torch.equal(found[-1], found[(count - 1) % 2])


def test_what_cannot_run_or_be_traced_is_refused() -> None:
    with pytest.raises(TransplantError, match=r"It cannot run on .*\(6, 5\)"):
        Plain("It", nn.Linear(4, 2), VECTORS)
    with pytest.raises(TransplantError, match="It must return a tensor"):
        Plain("It", nn.GRU(5, 2), SERIES)
    compiled = torch.compile(nn.Linear(5, 2), backend="eager")
    with pytest.raises(TransplantError, match=r"It cannot be traced: .*compiled"):
        Plain("It", compiled, VECTORS).wiring()
