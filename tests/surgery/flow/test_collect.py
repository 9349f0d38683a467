"""Tests for surgery/flow/collect.py: groups out of what a tracer has written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize, spectral_norm
from torch.nn.utils import weight_norm as old_weight_norm

from sb3_prune.gates import Gate
from sb3_prune.surgery.flow.axes import free
from sb3_prune.surgery.flow.collect import IN_TRAINING, LOST, OUTPUT, Groups
from sb3_prune.surgery.flow.groups import Group, Width
from sb3_prune.surgery.flow.tracer import Tracer
from surgery.flow.tiny import Net, matrix

Run = Callable[[Any, torch.Tensor], Any]
NORMS = [parametrizations.weight_norm, parametrizations.spectral_norm]
NORMS += [parametrizations.orthogonal]
RETURNED, EINSUM = f"{OUTPUT}forward", "no rule for einsum"


def read(n: Any, x: torch.Tensor) -> Any:
    """Run a layer and its reader."""
    return n.b(n.a(x).relu())


def watched(net: Net, training: Run = Net.forward) -> Tracer:
    """Trace a forward of a network, and another step as if in training mode."""
    tracer, x = Tracer(net), torch.randn(2, 5)
    with torch.no_grad(), tracer:
        tracer.fix_all([net(x)], RETURNED)
        tracer.evaluated = tracer.calls + 1
        training(net, x)
    return tracer


def collected(net: Net, tracer: Tracer, *around: Any) -> dict[str, Group]:
    """Return the groups of a network by name, each of which is there once."""
    found = Groups(net, tracer, *(around or ({}, []))).all()
    assert len({group.name for group in found}) == len(found)
    return {group.name: group for group in found}


def pair(**others: Any) -> dict[str, Any]:
    """Return a layer of eight units and its reader, or others instead."""
    return {"a": nn.Linear(5, 8), "b": nn.Linear(8, 4), **others}


def test_units_have_a_name_for_each_path_with_the_number_of_their_part() -> None:
    net: Any = Net(lambda n, x: n.b(n.a(x)[:, 3:]), **pair(b=nn.Linear(5, 4)))
    net.again = nn.Sequential(nn.ReLU(), net.a)
    found = collected(net, watched(net))
    aliases = [("a[0]", "again.1[0]"), ("a[1]", "again.1[1]"), ("b",)]
    assert [group.aliases for group in found.values()] == aliases
    assert [slot.start for slot in found["a[1]"].slots] == [3, 3, 0]
    assert found["a[1]"].units == 5 and found["a[1]"].module is net.a


def test_what_a_transposed_weight_makes_is_named_so_part_by_part() -> None:
    net = Net(lambda n, x: n.b((n.a(x) @ n.a.weight)[:, 2:]), **pair())
    net.b = nn.Linear(3, 4)
    fixed = {name: g.fixed for name, g in collected(net, watched(net)).items()}
    transposed = dict.fromkeys(["a.T[0]", "a.T[1]"], "an input")
    assert fixed == {"a": None, **transposed, "b": RETURNED}


def test_units_are_named_after_a_layer_a_cell_or_a_parameter_of_their_own() -> None:
    parts = pair(w=matrix(5, 7), lstm=nn.LSTM(7, 5), cell=nn.GRUCell(5, 5))
    parts |= {"c": spectral_norm(nn.Linear(4, 3)), "d": nn.Linear(3, 2)}
    parametrize.register_parametrization(parts["a"], "weight", nn.Tanh())
    net = Net(lambda n, x: n.d(n.c(read(n, n.cell(n.lstm(x @ n.w)[0])))), **parts)
    found = collected(net, watched(net))
    assert set(found) == set(parts)
    assert found["a"].fixed is None  # So there is nothing to hint at.


def test_units_are_fixed_as_outputs_or_as_nobody_reads_them_or_only_training() -> None:
    def run(n: Any, x: torch.Tensor) -> Any:
        n.kept, _ = n.d(x), n.c(x)
        return read(n, x)

    net = Net(run, **pair(c=nn.Linear(5, 6), d=nn.Linear(5, 6)))
    net.e, net.f = nn.Linear(6, 1), nn.Linear(8, 1)
    found = collected(net, watched(net, lambda n, x: n.e(n.kept) + n.f(n.a(x))))
    fixed = {name: found[name].fixed for name in "abcd"}
    assert fixed == {"a": None, "b": RETURNED, "c": LOST, "d": IN_TRAINING}
    assert [name for name in "abcd" if found[name].hidden] == ["a", "c", "d"]
    assert [r.slot.owner for r in (*found["a"].reads, *found["d"].reads)] == [net.b]


def test_layers_around_an_operation_without_a_rule_say_why_they_stay() -> None:
    net = Net(lambda n, x: n.b(torch.einsum("...i,...io->...o", n.a(x), n.w)))
    net.a, net.w, net.b = nn.Linear(5, 8), matrix(8, 8), nn.Linear(8, 4)
    net.again, net.free = net.w, matrix(5, 8)
    tracer = watched(net)
    tracer.lineage.read.add(id(net.free))  # As if another weight had read its units.
    found, none = collected(net, tracer), "no rule finds its units"
    fixed = {"a": EINSUM, "w": EINSUM, "free": none, "b": RETURNED}
    assert {name: group.fixed for name, group in found.items()} == fixed
    assert [name for name, g in found.items() if g.hidden] == ["a", "w", "free"]
    assert (found["free"].slots, found["free"].units) == ((), 5)
    assert (found["w"].aliases, found["w"].born) == (("w", "again"), tracer.calls)


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_a_normed_layer_says_how_to_free_it_and_others_do_not() -> None:
    net = Net(lambda n, x: n.d(n.c(read(n, x)).relu()), **pair(d=nn.Linear(6, 2)))
    net.b = parametrizations.weight_norm(nn.Linear(8, 4))
    net.c, why = old_weight_norm(nn.Linear(4, 6)), "no rule for weight_norm"
    fixed = {name: g.fixed for name, g in collected(net, watched(net)).items()}
    new = f"{why}; call torch.nn.utils.parametrize.remove_parametrizations first"
    old = f"{why}; call torch.nn.utils.remove_weight_norm first"
    assert fixed == {"a": why, "b": new, "c": old, "d": RETURNED}


def test_an_old_spectral_norm_says_how_to_free_its_layer() -> None:
    net = Net(read, a=nn.utils.spectral_norm(nn.Linear(5, 8)), b=nn.Linear(8, 4))
    why = str(collected(net, watched(net))["a"].fixed)
    assert why.endswith("; call torch.nn.utils.remove_spectral_norm first")


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("norm", NORMS, ids=lambda norm: norm.__name__)
def test_a_parametrized_layer_is_one_layer_with_or_without_a_bias(
    norm: Callable[[nn.Module], nn.Module], bias: bool
) -> None:
    net = Net(read, **pair(a=norm(nn.Linear(5, 8, bias=bias))))
    parametrize.register_parametrization(net.b, "weight", nn.Tanh())
    found = collected(net, watched(net))
    assert sorted(found) == ["a", "b"]
    assert (found["a"].module, found["b"].module) == (net.a, net.b)
    assert found["b"].fixed == RETURNED  # Nothing frees the outputs.
    hint = "; call torch.nn.utils.parametrize.remove_parametrizations first"
    why = found["a"].fixed
    assert why is None or why.endswith(hint)


@pytest.mark.parametrize(
    ("run", "has_bias", "shared"),
    [
        (lambda n, h: n.b(h) + n.b(h), True, False),
        (lambda n, h: n.b(h) * n.b.bias, True, True),
        (lambda n, h: n.b(h) + functional.linear(n.v, n.w, n.b.bias), True, True),
        (lambda n, h: functional.linear(h, n.b.weight, n.b.bias * 2), False, False),
    ],
)
def test_a_read_knows_its_bias_and_whether_that_is_used_elsewhere(
    run: Run, has_bias: bool, shared: bool
) -> None:
    net = Net(lambda n, x: run(n, n.a(x)), **pair(w=matrix(4, 3), v=torch.zeros(2, 3)))
    reads = collected(net, watched(net))["a"].reads
    bias = (net.b, "bias") if has_bias else None
    found = {(r.slot.axis, r.input_axis, r.bias, r.exact, r.shared) for r in reads}
    assert found == {(1, -1, bias, True, shared)}


def test_widths_and_gates_are_of_the_units_along_their_axes() -> None:
    net: Any = Net(read, **pair())
    tracer = watched(net)
    a, b = (tracer.axes(layer.weight)[0] for layer in (net.a, net.b))
    twice = [(units, 2) for units, _ in a]
    widths = {(net.b, "both"): [*twice, *b, *a], (net.a, "none"): free(3)}
    own, both, wide = Gate(), Gate(), Gate()
    gates = [(own, a), (both, [*a, *b]), (wide, twice), (own, a)]
    found = collected(net, tracer, widths, gates)
    assert found["a"].widths == (Width(net.b, "both", 3),)
    assert found["b"].widths == (Width(net.b, "both", 1),)
    assert (found["a"].gates, found["b"].gates) == ((own,), ())
