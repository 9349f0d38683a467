"""Folding changes no output, and leaves nothing that weights could do."""

from __future__ import annotations

from collections import Counter
from typing import Any

import exported
import pytest
import torch
from torch import fx, nn

from sb3_prune.exporting.folding import fold
from sb3_prune.exporting.tracing import lowered, traceable, unlifted


class Scaled(nn.Module):
    """Linear layers between scales and shifts of every kind."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.one, self.two = nn.Linear(3, 4), nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.rand(4) + 0.5)
        self.mean = nn.Parameter(torch.rand(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = (x - self.mean) / 2.0
        hidden = torch.relu(self.scale * (1.0 - self.one(x)) + self.scale)
        found: torch.Tensor = self.two(hidden * self.scale) * 3.0
        return found


def operations(program: fx.GraphModule) -> Counter[str]:
    calls = [n for n in program.graph.nodes if n.op == "call_function"]
    return Counter(str(node.target).split(".")[1] for node in calls)


@pytest.mark.parametrize("seed", range(3))
def test_scales_and_shifts_move_into_weights(seed: int) -> None:
    module, x = Scaled(seed), torch.randn(1, 3)
    with traceable():
        folded = fold(unlifted(lowered(module, (x,)), ["x"]))
    assert operations(folded) == Counter(addmm=2, permute=2, relu=1)
    with torch.no_grad():
        torch.testing.assert_close(folded(x)[0], module(x), atol=1e-5, rtol=1e-5)


def test_a_layer_with_two_readers_is_left_alone() -> None:
    """DenseNet's blocks read and pass on the same units."""
    found = exported.decision("OFEXi-SAC-batch").program
    names = Counter(str(n.target) for n in found.graph.nodes)
    assert not any("batch_norm" in name or "rsqrt" in name for name in names)


def test_a_greedy_choice_needs_no_softmax() -> None:
    names = {str(n.target) for n in exported.decision("PPO").program.graph.nodes}
    assert "aten.argmax.default" in names
    assert not names & {"aten._softmax.default", "aten.exp.default"}


def test_unused_weights_are_left_out() -> None:
    """The critic of PPO says nothing about the action."""
    state = exported.decision("PPO").program.state_dict
    assert state and not any("value" in name for name in state)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.softmax(x.reshape(-1, 3, 4), -1).argmax(1),
        lambda x: torch.softmax(x.reshape(-1, 3, 4), -1).argmax(),
        lambda x: (x.view(-1, 3, 4) - x.view(-1, 3, 4).exp().sum(-1, True)).argmax(1),
    ],
)
def test_a_choice_along_another_axis_looks_at_probabilities(function: Any) -> None:
    class Choice(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return function(x)

    torch.manual_seed(0)
    with traceable():
        program = fold(unlifted(lowered(Choice(), (torch.zeros(1, 12),)), ["x"]))
    for x in torch.randn(20, 1, 12) * 3:
        assert torch.equal(program(x)[0], function(x))


def test_whole_numbers_stay_whole() -> None:
    class Halves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer((x * 9).long() / 2)

    module, x = Halves().eval(), torch.rand(1, 3)
    with traceable():
        program = fold(unlifted(lowered(module, (x,)), ["x"]))
    torch.testing.assert_close(program(x)[0], module(x))
