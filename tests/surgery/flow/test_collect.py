"""Tests for surgery/flow/collect.py: groups out of what a tracer has written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from stable_baselines3.common.distributions import StateDependentNoiseDistribution
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils import weight_norm as old_weight_norm

from sb3_prune.gates import Gate
from sb3_prune.surgery.flow.axes import free
from sb3_prune.surgery.flow.collect import IN_TRAINING, OUTPUT, UNREAD, Groups
from sb3_prune.surgery.flow.groups import Group, Width
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.flow.tracer import Tracer
from surgery.flow.tiny import Net, matrix

Run = Callable[[Any, torch.Tensor], Any]


def read(n: Any, x: torch.Tensor) -> Any:
    """Run a layer and its reader."""
    return n.b(n.a(x).relu())


def watched(net: Net, training: Run = Net.forward) -> Tracer:
    """Trace a forward of a network, and another step as if in training mode."""
    tracer, x = Tracer(net.eval()), torch.randn(2, 5)
    with torch.no_grad(), tracer:
        tracer.fix_all([net(x)], f"{OUTPUT}forward")
        tracer.evaluated = tracer.calls + 1
        training(net, x)
    return tracer


def collected(net: Net, training: Run = Net.forward) -> dict[str, Group]:
    """Return the groups of a network by name, each of which is there once."""
    found = Groups(net, watched(net, training), {}, []).all()
    assert len({group.name for group in found}) == len(found)
    return {group.name: group for group in found}


def pair(**others: Any) -> dict[str, Any]:
    """Return a layer of eight units and its reader, or others instead."""
    return {"a": nn.Linear(5, 8), "b": nn.Linear(8, 4), **others}


# Names and order.


def test_units_have_a_name_for_each_path_with_the_number_of_their_part() -> None:
    shared = pair(b=nn.Linear(5, 4))
    again = nn.Sequential(nn.ReLU(), shared["a"])
    net = Net(lambda n, x: n.b(n.a(x)[:, 3:]), **shared, again=again)
    found = collected(net)
    assert [g.aliases for g in found.values()] == [
        *[("a[0]", "again.1[0]"), ("a[1]", "again.1[1]"), ("b",)]
    ]
    assert [s.start for s in found["a[1]"].slots] == [3, 3, 0]
    assert found["a[1]"].units == 5 and found["a[1]"].module is net.a


def test_what_a_transposed_weight_makes_is_named_so_part_by_part() -> None:
    def run(n: Any, x: torch.Tensor) -> Any:
        return n.b(functional.linear(n.a(x).tanh(), n.a.weight.T)[:, 2:])

    found = collected(Net(run, **pair(b=nn.Linear(3, 4))))
    sided = {name: (g.two_sided, g.fixed) for name, g in found.items()}
    read, output = "an input", f"{OUTPUT}forward"
    assert sided.pop("a") == (True, None) and sided.pop("b") == (False, output)
    assert sided == {"a.T[0]": (False, read), "a.T[1]": (False, read)}


def test_units_are_named_after_a_layer_a_cell_or_a_parameter_of_their_own() -> None:
    parts = pair(w=matrix(5, 7), lstm=nn.LSTM(7, 5), cell=nn.GRUCell(5, 5))
    prune.identity(parts["b"], "weight")
    parametrize.register_parametrization(parts["a"], "weight", nn.Tanh())
    net = Net(lambda n, x: read(n, n.cell(n.lstm((x @ n.w).tanh())[0])), **parts)
    found = collected(net)
    assert set(found) == {"w", "lstm", "cell", "a", "b"}
    assert found["a"].fixed is None  # So there is nothing to hint at.


def test_groups_come_as_their_weights_do_and_know_when_they_were_first_made() -> None:
    parts = {"b": nn.Linear(8, 4), "a": nn.Linear(5, 6), "c": nn.Linear(5, 6)}
    net = Net(lambda n, x: n.b(n.d(n.c(x) + n.a(x))), **parts, d=nn.Linear(6, 8))
    tracer = watched(net)
    found = Groups(net, tracer, {}, []).all()
    assert [group.name for group in found] == ["b", "a", "d"]
    assert found[1].born == tracer.born[id(net.c.weight)] < found[2].born


# Why units are fixed.


def test_units_are_fixed_as_outputs_or_because_nobody_reads_them() -> None:
    net = Net(lambda n, x: (n.unused(x), read(n, x))[1], **pair())
    net.unused = nn.Linear(5, 6)
    found = collected(net, lambda n, x: torch.cdist(n.b(n.a(x)), n.v))
    net.v = matrix(3, 4)
