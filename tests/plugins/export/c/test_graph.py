"""Tests for sb3_prune_export/c/graph.py."""

from __future__ import annotations

import torch
from sb3_prune_export.c import graph
from torch import nn

from . import running


def test_what_no_output_needs_is_left_out() -> None:
    def one_hot(x: torch.Tensor) -> torch.Tensor:
        torch.tanh(x.float())
        return nn.functional.one_hot(x, 3).float()

    calls = graph.calls(running.traced(one_hot, torch.tensor([1])))
    names = [graph.name_of(node) for node in calls]
    assert "eq" in names
    assert not {"tanh", "_assert_async", "any"} & set(names)


def test_operations_know_their_module() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    (*_, tanh) = graph.calls(running.traced(net, torch.zeros(1, 3)))
    assert graph.module_of(tanh) == "1 (Tanh)"
    assert graph.shape_text(graph.fake(tanh).shape) == "2"


def test_weights_are_constants_and_the_rest_is_given() -> None:
    program = running.traced(nn.Linear(3, 2), torch.zeros(1, 3))
    assert [tuple(t.shape) for t in graph.constants(program).values()] == [(2, 3), (2,)]
    assert len(graph.inputs(program)) == len(graph.outputs(program)) == 1


def test_of_several_results_the_first_counts() -> None:
    net = nn.Sequential(nn.LayerNorm(3), nn.Tanh())
    norm, *_, tanh = graph.calls(running.traced(net, torch.zeros(1, 3)))
    assert isinstance(graph.fake(norm), tuple)
    assert graph.first(norm).shape == graph.first(tanh).shape == (1, 3)
