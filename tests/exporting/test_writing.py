"""Tests for exporting/writing.py."""

from __future__ import annotations

from collections.abc import Callable

import exported
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from sb3_prune.exceptions import ExportError
from sb3_prune.exporting.tracing import trace

Changing = Callable[[torch.Tensor, torch.Tensor], object]
WRITES: dict[str, Changing] = {
    "view": lambda count, x: count[0].add_(1),
    "chunk": lambda count, x: count.chunk(2)[0].add_(1),
    "unbind": lambda count, x: count.unbind(0)[0].add_(1),
    "out": lambda count, x: torch.add(x[:1, :1], 1, out=count[:1, :1]),
    "foreach": lambda count, x: torch._foreach_add_([count], 1),
}
COPIES: dict[str, Changing] = {
    "own": lambda count, x: (x * 1)[:, 0].fill_(0),
    "float": lambda count, x: count.double().add_(1),
    "contiguous": lambda count, x: count.t().contiguous().mul_(2),
    "reshape": lambda count, x: count.t().reshape(-1).mul_(2),
    "mask": lambda count, x: (count > 0).float().masked_fill_(count > 0, 1.0),
}


class Counting(BaseFeaturesExtractor):
    """Changes something in its forward."""

    def __init__(self, observation_space: spaces.Box, change: Changing) -> None:
        super().__init__(observation_space, 3)
        self.change = change
        self.register_buffer("count", torch.zeros(2, 2))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        self.change(self.get_buffer("count"), observations)
        return observations * 1


def counting(change: Changing) -> BaseAlgorithm:
    return exported.anyhow(
        exported.BOX,
        exported.BOX,
        features_extractor_class=Counting,
        features_extractor_kwargs={"change": change},
    )


@pytest.mark.parametrize("name", WRITES)
def test_networks_that_count_are_refused_by_name(name: str) -> None:
    with pytest.raises(ExportError, match=r"write into '.*features_extractor.count'"):
        trace(counting(WRITES[name]))


@pytest.mark.parametrize("name", COPIES)
def test_copies_may_be_written_to(name: str) -> None:
    trace(counting(COPIES[name]))
