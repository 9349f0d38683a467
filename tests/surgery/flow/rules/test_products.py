"""Tests for surgery/flow/rules/products.py."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from surgery.flow.tiny import Net, assert_fixed, assert_folds, assert_prunable, matrix

WALK, IMAGE = (3, 4), (3, 4, 4)


def test_a_linear_makes_units_and_reads_those_before_it() -> None:
    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 6, bias=False))
    assert_prunable(net, {"0": 8, "2": 6})


def test_constants_fold_into_the_bias_of_a_linear() -> None:
    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 6))
    assert_folds(net, "0")


def test_constants_fold_into_the_bias_beside_a_detached_weight() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(n.a(x), n.out.weight.detach(), n.out.bias)

    assert_folds(Net(run, a=nn.Linear(5, 8), out=nn.Linear(8, 4)), "a")


def test_without_a_bias_there_is_nothing_to_fold_into() -> None:
    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 6, bias=False))
    assert_folds(net, "0", kept="a reader has no bias")


def test_nor_is_there_where_the_bias_is_computed() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(n.a(x), n.out.weight, n.out.bias * 2)

    net = Net(run, a=nn.Linear(5, 8), out=nn.Linear(8, 4))
    assert_folds(net, "a", kept="a reader has no bias")


def test_a_bias_of_two_layers_ties_their_units() -> None:
    a, b, out = nn.Linear(5, 8), nn.Linear(5, 8), nn.Linear(16, 4)
    b.bias = a.bias
    both = Net(lambda n, x: n.out(torch.cat([n.a(x), n.b(x)], 1)), a=a, b=b, out=out)
    assert_prunable(both, {"a": 8, "out": 4})


def test_a_layer_used_twice_makes_the_units_that_it_reads() -> None:
    again = nn.Linear(8, 8)
    assert_prunable(nn.Sequential(nn.Linear(5, 8), again, nn.Tanh(), again), {"0": 8})


@pytest.mark.parametrize("transposed", [False, True])
def test_a_matrix_makes_units_and_reads_them(transposed: bool) -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        hidden = (x @ n.enter + n.shift).tanh()
        return hidden @ (n.leave.T if transposed else n.leave)

    leave = matrix(6, 8) if transposed else matrix(8, 6)
    net = Net(run, enter=matrix(5, 8), shift=matrix(8), leave=leave)
    assert_prunable(net, {"enter": 8, "leave": 6})
    assert_folds(net, "enter", kept="a reader has no bias")


def test_a_matrix_on_the_left_reads_units_but_takes_no_constants() -> None:
    net = Net(
        lambda n, x: n.out((n.left @ n.a(x).T).T),
        **{"a": nn.Linear(5, 8), "left": matrix(6, 8), "out": nn.Linear(6, 4)},
    )
    assert_prunable(net, {"a": 8, "left": 6, "out": 4})
    assert_folds(net, "a", kept="a weight on the left reads them")


def test_a_stack_of_matrices_makes_units_that_are_tied() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return n.out((n.a(x)[:, None, None] @ n.stack)[:, :, 0].sum(1))

    net = Net(run, a=nn.Linear(5, 8), stack=matrix(3, 8, 6), out=nn.Linear(6, 4))
    assert_prunable(net, {"a": 8, "stack": 6, "out": 4})


def test_a_vector_reads_units() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        hidden = n.a(x)
        return n.out(torch.stack([torch.mv(hidden, n.v), torch.mv(-hidden, n.v)], 1))

    assert_prunable(
        Net(run, a=nn.Linear(5, 8), v=matrix(8), out=nn.Linear(2, 4)),
        {"a": 8, "out": 4},
    )


def test_addmm_reads_units_and_adds_a_bias() -> None:
    net = Net(
        lambda n, x: n.out(torch.addmm(n.shift, n.a(x), n.w)),
        **{"a": nn.Linear(5, 8), "w": matrix(8, 6), "shift": matrix(6)},
        out=nn.Linear(6, 4),
    )
    assert_prunable(net, {"a": 8, "w": 6, "out": 4})
    assert_folds(net, "a")


def test_addmm_ties_the_activations_that_it_adds() -> None:
    net = Net(
        lambda n, x: n.out(torch.addmm(n.a(x), n.a(x), n.w)),
        **{"a": nn.Linear(5, 8), "w": matrix(8, 8), "out": nn.Linear(8, 4)},
    )
    assert_prunable(net, {"w": 8, "out": 4})


def test_attention_sums_over_no_units_that_may_go_alone() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        seen = torch.softmax(n.query(x) @ n.key(x).transpose(1, 2), dim=-1)
        return n.out((seen @ n.value(x)).flatten(1))

    query, key, value = nn.Linear(4, 6), nn.Linear(4, 6), nn.Linear(4, 8)
    net = Net(run, query=query, key=key, value=value, out=nn.Linear(24, 5))
    assert_prunable(net, {"value": 8, "out": 5}, shape=WALK)
    why = "matmul of two activations"
    assert_fixed(net, {"query": why}, shape=WALK)


def test_batches_of_products_tie_their_axes() -> None:
    """The units of ``gain`` lie along the axis that both factors broadcast over."""

    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        rows = n.gain(x)[:, :, None, None] @ x[:, None, None, :1]
        return n.out(rows.flatten(1))

    net = Net(run, gain=nn.Linear(5, 8), out=nn.Linear(8, 4))
    assert_prunable(net, {"gain": 8, "out": 4})


def test_a_computed_weight_reads_units_but_takes_no_constants() -> None:
    net = Net(
        lambda n, x: n.out(functional.linear(n.a(x), n.u @ n.v)),
        **{"a": nn.Linear(5, 8), "u": matrix(6, 3), "v": matrix(3, 8)},
        out=nn.Linear(6, 4),
    )
    assert_prunable(net, {"a": 8, "u": 6, "out": 4})
    assert_folds(net, "a", kept="a computed weight reads them")


def test_what_another_network_makes_of_inputs_is_no_weight() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return n.out(torch.bmm(n.hyper(x).view(-1, 8, 5), x[:, :, None])[:, :, 0])

    net = Net(run, hyper=nn.Linear(5, 40), out=nn.Linear(8, 4))
    assert_fixed(net, {"hyper": "reshape splits the units"})


def test_channels_of_convolutions_are_units() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 6, 2), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.Flatten(), nn.Linear(8, 4)
    )
    assert_prunable(net, {"0": 6, "2": 8, "4": 4}, shape=IMAGE)
    assert_folds(net, "0", shape=IMAGE)
    assert_folds(net, "2", shape=IMAGE)


@pytest.mark.parametrize("padding", [1, "same"])
def test_next_to_padding_no_constant_is_exact(padding: int | str) -> None:
    second = nn.Conv1d(6, 8, 3, padding=padding)
    net = nn.Sequential(nn.Conv1d(3, 6, 1), second, nn.Flatten(), nn.Linear(32, 4))
    assert_prunable(net, {"0": 6, "1": 8, "3": 4}, shape=WALK)
    assert_folds(net, "0", shape=WALK, kept="a convolution with padding reads them")


def test_grouped_convolutions_remember_their_groups() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 6, 1), nn.Conv2d(6, 6, 1, groups=2), nn.Flatten(), nn.Linear(96, 4)
    )
    why = "grouped conv remembers its groups"
    assert_fixed(net, {"0": why, "1": why}, shape=IMAGE)


def test_a_convolution_slides_along_positions_that_cannot_go() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return n.out(n.slides(n.a(x)[:, None]).flatten(1))

    net = Net(run, a=nn.Linear(5, 8), slides=nn.Conv1d(1, 6, 3), out=nn.Linear(36, 4))
    assert_prunable(net, {"slides": 6, "out": 4})
    assert_fixed(net, {"a": "conv slides along this axis"})


def test_an_image_without_a_batch_has_its_channels_first() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return n.out(torch.stack([n.conv(image).flatten() for image in x]))

    net = Net(run, conv=nn.Conv2d(3, 6, 3), out=nn.Linear(24, 4))
    assert_prunable(net, {"conv": 6, "out": 4}, shape=IMAGE)


def test_an_embedding_makes_units_for_every_row() -> None:
    net = Net(
        lambda n, x: n.out(n.table((x > 0).long()).flatten(1)),
        **{"table": nn.Embedding(2, 8), "out": nn.Linear(40, 4)},
    )
    assert_prunable(net, {"table": 8, "out": 4})


# Products by letters, and of several matrices.

LETTERS = {
    "a-matrix": ("bi,io->bo", (8, 6), {"a": 8, "w": 6, "out": 4}),
    "turned": ("oi, bi -> bo", (6, 8), {"a": 8, "w": 6, "out": 4}),
    "implicit": ("bi,io", (8, 6), {"a": 8, "w": 6, "out": 4}),
    "a-vector": ("bi,i->bi", (8,), {"a": 8, "out": 4}),
}


@pytest.mark.parametrize("name", LETTERS)
def test_letters_say_which_units_meet(name: str) -> None:
    equation, shape, layers = LETTERS[name]

    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        factors = (n.a(x), n.w) if equation.startswith("b") else (n.w, n.a(x))
        return n.out(torch.einsum(equation, *factors).tanh().flatten(1))

    wide = {"bi,i->bi": 8}.get(equation, 6)
    net = Net(run, a=nn.Linear(5, 8), w=matrix(*shape), out=nn.Linear(wide, 4))
    assert_prunable(net, layers)


def test_two_letters_may_be_summed_over() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        heads = torch.einsum("bi,hid->bhd", n.a(x), n.q).tanh()
        return torch.einsum("bhd,hdo->bo", heads, n.o)

    net = Net(run, a=nn.Linear(5, 8), q=matrix(2, 8, 3), o=matrix(2, 3, 6))
    assert_prunable(net, {"a": 8, "q": 3, "o": 6})


def test_letters_of_two_activations_fix_what_they_sum_over() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bi,bi->b", n.a(x), n.c(x))[:, None].expand(-1, 4)

    net = Net(run, a=nn.Linear(5, 8), c=nn.Linear(5, 8))
    assert_fixed(net, {"a": "einsum of two activations"})


@pytest.mark.parametrize("equation", ["...i,io->...o", "bii->bi"])
def test_special_letters_have_no_rule(equation: str) -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        if equation == "bii->bi":
            made = torch.einsum(equation, n.a(x).unsqueeze(1).expand(-1, 8, -1))
        else:
            made = torch.einsum(equation, n.a(x), n.w)
        return n.out(made)

    net = Net(run, a=nn.Linear(5, 8), w=matrix(8, 8), out=nn.Linear(8, 4))
    assert_fixed(net, {"a": "no rule for einsum"})


@pytest.mark.parametrize("computed", [False, True])
def test_a_stack_of_layers_with_biases_loses_units_everywhere(computed: bool) -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        first = n.b.unsqueeze(1) if computed else n.b
        hidden = torch.baddbmm(first, n.a(x).expand(3, -1, -1), n.v).relu()
        return torch.baddbmm(n.c, hidden, n.w).mean(0)

    bias = matrix(3, 6) if computed else matrix(3, 1, 6)
    net = Net(
        run,
        a=nn.Linear(5, 8),
        v=matrix(3, 8, 6),
        w=matrix(3, 6, 4),
        b=bias,
        c=matrix(3, 1, 4),
    )
    assert_prunable(net, {"a": 8, "v": 6, "w": 4})


def test_an_outer_product_of_weights_has_the_axes_of_both() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return n.out(functional.linear(n.a(x), n.w * n.p.outer(n.q)))

    net = Net(
        run,
        a=nn.Linear(5, 8),
        w=matrix(6, 8),
        p=matrix(6),
        q=matrix(8),
        out=nn.Linear(6, 4),
    )
    assert_prunable(net, {"a": 8, "w": 6, "out": 4})


def test_an_outer_product_of_activations_has_no_rule() -> None:
    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return n.a(x)[0].outer(n.p)[:, :4]

    net = Net(run, a=nn.Linear(5, 8), p=matrix(4))
    assert_fixed(net, {"a": "no rule for outer"})
