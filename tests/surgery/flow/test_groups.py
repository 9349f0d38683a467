"""Tests for surgery/flow/groups.py: what the trace says of a group of units."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from .tiny import Net, TinyPolicy, groups


def test_a_plain_layer_is_free_and_held_by_three_tensors() -> None:
    net = Net(lambda n, x: n.b(n.a(x).relu()), a=nn.Linear(5, 8), b=nn.Linear(8, 4))
    group = groups(TinyPolicy(net))["a"]
    assert (group.units, group.fixed, group.two_sided, group.doubled) == (
        8,
        None,
        False,
        False,
    )
    assert [slot.attribute for slot in group.slots] == ["weight", "bias", "weight"]
    assert not group.mixes and not group.soft and not group.gates
    assert {width.attribute for width in group.widths} <= {
        "out_features",
        "in_features",
    }


def test_a_tied_weight_makes_and_reads_its_units() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(n.a(x).relu(), n.a.weight.T)

    assert groups(TinyPolicy(Net(run, a=nn.Linear(5, 8))))["a"].two_sided


def test_a_weight_with_its_own_norm_is_doubled() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return n.b(n.a(x) / n.a.weight.norm(dim=1))

    parts = {"a": nn.Linear(5, 8, bias=False), "b": nn.Linear(8, 4)}
    assert groups(TinyPolicy(Net(run, **parts)))["a"].doubled
