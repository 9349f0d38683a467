"""Tests for sb3_prune_export/c/lowering.py: programs of many operations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from sb3_prune.exceptions import ExportError

from . import running

ACTIVATIONS = [
    nn.ReLU, nn.Tanh, nn.ELU, nn.SiLU, nn.GELU, nn.LeakyReLU, nn.Softplus, nn.Mish,
    nn.Sigmoid, nn.Hardswish, nn.SELU, nn.PReLU, nn.ReLU6,
]  # fmt: skip


def block(kind: int, width: int) -> nn.Module:
    choices = [nn.LayerNorm(width), nn.BatchNorm1d(width), nn.Identity()]
    return choices[kind % 3]


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 20), st.integers(0, 12), st.integers(0, 2)),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
    st.integers(0, 100),
)
def test_random_networks_agree_with_torch(
    layers: list[tuple[int, int, int]], double: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    modules: list[nn.Module] = []
    width = 6
    for size, activation, norm in layers:
        modules += [
            nn.Linear(width, size),
            block(norm, size),
            ACTIVATIONS[activation](),
        ]
        width = size
    net = nn.Sequential(*modules, nn.Linear(width, 3))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    assert running.difference(net, torch.randn(1, 6), double=double) < 1e-5


class Recurrent(nn.Module):
    """Two layers of memory, whose state is zero where an episode begins."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(4, 6, num_layers=2), nn.Linear(6, 3)

    def forward(self, x: Any, h: Any, c: Any, start: Any) -> Any:
        kept = (1 - start).view(1, -1, 1)
        out, (h, c) = self.lstm(x.unsqueeze(0), (kept * h, kept * c))
        return self.head(out.squeeze(0)).argmax(1), h, c


@pytest.mark.parametrize("start", [0.0, 1.0])
def test_a_memory_is_an_input_and_an_output(start: float) -> None:
    state = torch.randn(2, 1, 6), torch.randn(2, 1, 6)
    inputs = torch.randn(1, 4), *state, torch.tensor([start])
    assert running.difference(Recurrent(), *inputs) < 1e-5


class Dictionary(nn.Module):
    """A picture, a choice and numbers, the last normalised in float64."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(3, 8, 4, 2), nn.ReLU(), nn.Conv2d(8, 6, 3, 1, 1), nn.Flatten()
        )
        self.head = nn.Linear(6 * 25 + 4 + 5, 2)
        self.register_buffer("mean", torch.full((5,), 1e6, dtype=torch.float64))

    def forward(self, picture: Any, choice: Any, numbers: Any) -> Any:
        normal = ((numbers - self.mean) / 0.01).clamp(-10, 10).float()
        parts = [
            self.cnn(picture / 255.0),
            functional.one_hot(choice, 4).float(),
            normal,
        ]
        return torch.tanh(self.head(torch.cat(parts, 1)))


def test_observations_of_all_kinds_are_read_without_loss() -> None:
    picture = torch.randint(0, 256, (1, 3, 12, 12), dtype=torch.uint8)
    numbers = 1e6 + torch.randn(1, 5, dtype=torch.float64) * 0.01
    inputs = picture, torch.tensor([2]), numbers
    assert running.difference(Dictionary(), *inputs) < 1e-5


def test_a_choice_out_of_range_is_none_of_the_choices() -> None:
    text, _ = running.written(
        lambda n: functional.one_hot(n, 3).float(), torch.tensor([1])
    )
    source = """
        #include "net.h"
        #include <stdio.h>
        int main(void) {
            const long long n[1] = {7};
            float y[3];
            net_predict(n, y);
            printf("%g", (double)(y[0] + y[1] + y[2]));
            return 0;
        }
    """
    gcc = running.require("gcc")
    assert running.compiled(source, {"net.h": text}, gcc, "-std=c99") == "0"


def test_an_operation_without_a_rule_is_refused_by_name() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Sequential(running.Calls(torch.cumsum)))
    net[1][0].function = lambda x: torch.cumsum(x, 1)
    with pytest.raises(ExportError, match=r"'cumsum' of module '1.0 \(Calls\)'"):
        running.written(net, torch.zeros(1, 3))


def test_numbers_read_as_another_type_are_refused() -> None:
    with pytest.raises(ExportError, match="as if they had another type"):
        running.written(lambda x: x.view(torch.int32), torch.zeros(1, 3))
    with pytest.raises(ExportError, match="complex"):
        running.written(lambda x: x * 1j, torch.zeros(1, 3))
