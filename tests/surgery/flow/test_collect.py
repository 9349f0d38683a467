"""Tests for surgery/flow/collect.py: groups out of what a tracer has written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize
from torch.nn.utils import weight_norm as old_weight_norm

from sb3_prune.surgery.flow.collect import IN_TRAINING, OUTPUT, UNREAD, Groups
from sb3_prune.surgery.flow.groups import Group
from sb3_prune.surgery.flow.tracer import Tracer
from surgery.flow.tiny import Net, matrix

Run = Callable[[Any, torch.Tensor], Any]


def read(n: Any, x: torch.Tensor) -> Any:
    """Run a layer and its reader."""
    return n.b(n.a(x).relu())


def watched(net: Net, training: Run = Net.forward) -> Tracer:
    """Trace a forward of a network, and another step as if in training mode."""
    tracer, x = Tracer(net), torch.randn(2, 5)
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


# Names.


def test_a_shared_module_has_an_alias_for_each_of_its_paths() -> None:
    shared = pair()
    net = Net(read, **shared, again=nn.Sequential(nn.ReLU(), shared["a"]))
    group = collected(net)["a"]
    assert group.aliases == ("a", "again.1") and group.module is net.a


def test_parts_of_a_shared_layer_are_numbered_in_every_alias() -> None:
    shared = pair()
    net = Net(lambda n, x: n.b(n.a(x)[:, 3:]), **shared, again=shared["a"])
    net.b = nn.Linear(5, 4)
    found = collected(net)
    assert list(found) == ["a[0]", "a[1]", "b"]
    assert found["a[1]"].aliases == ("a[1]", "again[1]")
    starts = [s.start for s in found["a[1]"].slots if s.owner is net.a]
    assert (found["a[1]"].units, starts) == (5, [3, 3])


def test_units_are_named_after_a_layer_a_cell_or_a_parameter_of_their_own() -> None:
    parts = pair(w=matrix(5, 7), lstm=nn.LSTM(7, 5), a=nn.Linear(5, 8, bias=False))
    parametrize.register_parametrization(parts["a"], "weight", nn.Tanh())
    net = Net(lambda n, x: read(n, n.lstm((x @ n.w).tanh())[0]), **parts)
    assert set(collected(net)) == {"w", "lstm", "a", "b"}


# Why units are fixed.


def test_units_are_fixed_as_outputs_or_because_nobody_reads_them() -> None:
    net = Net(lambda n, x: (n.unused(x), read(n, x))[1], **pair())
    net.unused = nn.Linear(5, 6)
    found = collected(net)
    fixed = {name: group.fixed for name, group in found.items()}
    assert fixed == {"a": None, "b": "output of forward", "unused": UNREAD}
    assert [name for name, group in found.items() if group.hidden] == ["a"]


def test_units_that_only_training_reads_are_fixed_and_their_reader_is_no_read() -> None:
    net = Net(lambda n, x: (n.c(x), read(n, x))[1], **pair())
    net.c, net.d, net.e = nn.Linear(5, 6), nn.Linear(6, 1), nn.Linear(8, 1)
    found = collected(net, lambda n, x: n.d(n.c(x)) + n.e(n.a(x)))
    assert (found["c"].fixed, found["c"].reads) == (IN_TRAINING, ())
    assert found["a"].fixed is None
    assert [r.slot.owner for r in found["a"].reads] == [net.b]


@pytest.mark.parametrize("rule", ["no rule for einsum", "no rule finds its units"])
def test_a_layer_no_rule_could_find_has_no_slots_and_says_why(rule: str) -> None:
    net = Net(lambda n, x: n.b(torch.einsum("...i,...io->...o", x, n.w)))
    net.w, net.b, net.free = matrix(5, 8), nn.Linear(8, 4), matrix(5, 8)
    tracer = watched(net)
    tracer.lineage.read.add(id(net.free))  # As if another weight had read its units.
    found = {group.fixed: group for group in Groups(net, tracer, {}, []).all()}
    group = found[rule]
    assert group.name == ("w" if rule.endswith("einsum") else "free")
    assert (group.slots, group.hidden, group.units) == ((), True, 5)


HINTS: dict[str, tuple[Callable[[nn.Module], Any], str]] = {
    "new": (parametrizations.weight_norm, "parametrize.remove_parametrizations first"),
    "old": (old_weight_norm, "remove_weight_norm first"),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", HINTS)
def test_a_normed_layer_says_how_to_free_it_and_others_do_not(
    kind: str, bias: bool
) -> None:
    norm, hint = HINTS[kind]
    parts = pair(b=norm(nn.Linear(8, 6, bias=bias)), c=nn.Linear(6, 4))
    found = collected(Net(lambda n, x: n.c(n.b(n.a(x)).relu()), **parts))
    why = "no rule for weight_norm"
    assert found["b"].fixed == f"{why}; call torch.nn.utils.{hint}"
    assert found["a"].fixed == why and found["c"].fixed == f"{OUTPUT}forward"


# What reads units.


@pytest.mark.parametrize("shared", [False, True])
def test_a_read_knows_its_bias_and_whether_that_is_used_elsewhere(shared: bool) -> None:
    net = Net(lambda n, x: read(n, read(n, x)) * (n.b.bias if shared else 1))
    net.a, net.b = nn.Linear(5, 8), nn.Linear(8, 5)
    reads = collected(net)["a"].reads
    assert [(r.slot.owner, r.slot.axis, r.input_axis) for r in reads] == [
        (net.b, 1, -1)
    ] * 2
    assert {(r.bias, r.exact, r.shared) for r in reads} == {
        ((net.b, "bias"), True, shared)
    }
