"""Tests for surgery/flow/rules/recurrent.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from surgery.flow.tiny import (
    Net,
    TinyPolicy,
    assert_fixed,
    assert_folds,
    assert_prunable,
    groups,
)

WALK = (3, 4)
LAYERS: dict[str, tuple[type[nn.Module], int, dict[str, Any]]] = {
    "LSTM": (nn.LSTM, 4, {}),
    "LSTM-without-bias": (nn.LSTM, 4, {"bias": False}),
    "GRU": (nn.GRU, 3, {}),
    "RNN": (nn.RNN, 1, {}),
    "RNN-relu": (nn.RNN, 1, {"nonlinearity": "relu", "bias": False}),
}
CELLS: dict[str, tuple[type[nn.Module], int, dict[str, Any]]] = {
    "LSTM": (nn.LSTMCell, 4, {}),
    "GRU": (nn.GRUCell, 3, {}),
    "GRU-without-bias": (nn.GRUCell, 3, {"bias": False}),
    "RNN": (nn.RNNCell, 1, {}),
    "RNN-relu": (nn.RNNCell, 1, {"nonlinearity": "relu"}),
}


def remembering(layer: nn.Module, last: int = 6) -> Net:
    """Return a network whose memory reads a Linear and is read by another."""

    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return n.out(n.memory(n.a(x))[0][:, -1])

    return Net(run, a=nn.Linear(4, 8), memory=layer, out=nn.Linear(last, 5))


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("name", LAYERS)
def test_a_unit_of_memory_has_a_row_in_every_gate(name: str, depth: int) -> None:
    kind, gates, options = LAYERS[name]
    layer = kind(8, 6, num_layers=depth, batch_first=True, **options)
    net = remembering(layer)
    assert_prunable(net, {"a": 8, "memory": 6, "out": 5}, shape=WALK)
    rows = [
        slot.start
        for slot in groups(TinyPolicy(net, WALK))["memory"].slots
        if slot.attribute == "weight_hh_l0" and slot.axis == 0
    ]
    assert rows == [6 * gate for gate in range(gates)]


def test_the_states_that_come_out_are_the_memory() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        walk, (hidden, cell) = n.memory(x)
        again, _ = n.memory(x, (hidden, cell))
        return n.out(again[:, 0] + walk[:, -1] + hidden[0] + cell[0])

    net = Net(run, memory=nn.LSTM(4, 6, batch_first=True), out=nn.Linear(6, 5))
    assert_prunable(net, {"memory": 6, "out": 5}, shape=WALK)


def test_memory_of_two_layers_that_share_a_state_is_tied() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        walk, state = n.first(x)
        return n.out(walk[:, -1] + n.second(x, state)[1][0])

    first, second = (nn.GRU(4, 6, batch_first=True) for _ in "ab")
    net = Net(run, first=first, second=second, out=nn.Linear(6, 5))
    assert_prunable(net, {"first": 6, "out": 5}, shape=WALK)


def test_constants_fold_into_what_remembers_but_not_out_of_it() -> None:
    net = remembering(nn.LSTM(8, 6, batch_first=True))
    assert_folds(net, "a", shape=WALK)
    net = remembering(nn.LSTM(8, 6, batch_first=True, bias=False))
    assert_folds(net, "a", shape=WALK, kept="a reader has no bias")
    found = groups(TinyPolicy(net, WALK))
    assert found["memory"].unfoldable == {"its memory varies"}


@pytest.mark.parametrize(
    ("options", "last"),
    [({"bidirectional": True}, 12), ({"proj_size": 3}, 3)],
    ids=["both-ways", "projected"],
)
@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
def test_other_kinds_of_memory_stay(options: dict[str, Any], last: int) -> None:
    layer = nn.LSTM(8, 6, batch_first=True, **options)
    net = remembering(layer, last)
    assert_fixed(net, {"a": "no rule for lstm"}, shape=WALK)
    assert set(groups(TinyPolicy(net, WALK))) == {"a", "memory", "out"}


def test_packed_sequences_stay() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        walks = pack_padded_sequence(n.a(x), [3] * len(x), batch_first=True)
        return n.out(n.memory(walks)[1][0])

    memory = nn.GRU(8, 6, batch_first=True)
    net = Net(run, a=nn.Linear(4, 8), memory=memory, out=nn.Linear(6, 5))
    assert_fixed(net, {"a": "no rule for pack_padded_sequence"}, shape=WALK)


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_is_a_layer_of_one_step(name: str) -> None:
    kind, gates, options = CELLS[name]

    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        state = n.memory(n.a(x), n.memory(n.a(x)))
        return n.out(state[0] if isinstance(state, tuple) else state)

    memory = kind(8, 6, **options)
    net = Net(run, a=nn.Linear(5, 8), memory=memory, out=nn.Linear(6, 4))
    assert_prunable(net, {"a": 8, "memory": 6, "out": 4})
    slots = groups(TinyPolicy(net))["memory"].slots
    rows = [s.start for s in slots if (s.attribute, s.axis) == ("weight_hh", 0)]
    assert rows == [6 * gate for gate in range(gates)]


def test_constants_fold_into_a_cell() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return n.out(n.memory(n.a(x))[1])

    memory = nn.LSTMCell(8, 6)
    net = Net(run, a=nn.Linear(5, 8), memory=memory, out=nn.Linear(6, 4))
    assert_folds(net, "a")
