"""Tests for networks/dense_prefix.py."""

from __future__ import annotations

from typing import Any

import ofexi_zoo
import pytest
import torch
from torch import nn

from sb3_prune.networks.dense import dense_blocks, dense_net
from sb3_prune.networks.dense_prefix import complete, depends_on, prefix

norms = pytest.mark.parametrize("norm", ofexi_zoo.NORMS)


def make_net(norm: Any = "batch") -> nn.Sequential:
    """Make a net of seven inputs in double precision; nothing in it is neutral."""
    torch.manual_seed(0)
    net = dense_net(7, 4, 3, norm)
    for tensor in (*net.parameters(), *net.buffers()):
        if tensor.ndim == 1:
            tensor.data = torch.rand(tensor.shape) + 0.5
    return net.double().eval()


def draw(rows: int = 9) -> torch.Tensor:
    return torch.randn(rows, 7, generator=torch.Generator().manual_seed(1)).double()


@norms
@pytest.mark.parametrize("size", [1, 5, 7])
def test_in_two_parts_it_is_the_same_net(norm: Any, size: int) -> None:
    net, inputs = make_net(norm), draw()
    known = prefix(net, inputs[:, :size])
    found = complete(net, known, inputs[:, size:])
    torch.testing.assert_close(found, net(inputs), atol=1e-12, rtol=0)
    assert known.shape == (9, 3 * 4 + size)


@norms
def test_gates_close_units_and_multiply_by_theta(norm: Any) -> None:
    net, inputs = make_net(norm), draw()
    first, second, _ = dense_blocks(net)
    first.gate.close([1, 2], like=first.bias)
    second.gate.learn(second.bias)
    second.gate.theta.data = torch.tensor([0.2, 1.0, 0.0, 0.7]).double()  # type: ignore
    found = complete(net, prefix(net, inputs[:, :5]), inputs[:, 5:])
    torch.testing.assert_close(found, net(inputs), atol=1e-12, rtol=0)
    assert not found[:, [8, 9, 13]].any()


@norms
def test_the_rest_gets_the_gradient_of_the_whole(norm: Any) -> None:
    net, inputs = make_net(norm).requires_grad_(False), draw()
    rest = inputs[:, 5:].clone().requires_grad_()
    weights = torch.randn(19).double()
    (complete(net, prefix(net, inputs[:, :5]), rest) @ weights).sum().backward()
    whole = inputs.clone().requires_grad_()
    (net(whole) @ weights).sum().backward()
    assert rest.grad is not None and whole.grad is not None
    torch.testing.assert_close(rest.grad, whole.grad[:, 5:])


def test_one_prefix_serves_several_rests() -> None:
    net, inputs = make_net(), draw()
    known = prefix(net, inputs[:, :5])
    for shift in (0.0, 1.0):
        rest = inputs[:, 5:] + shift
        whole = torch.cat([inputs[:, :5], rest], dim=1)
        torch.testing.assert_close(complete(net, known, rest), net(whole))


@pytest.mark.parametrize("index", range(9))
def test_it_depends_on_each_of_these_tensors(index: int) -> None:
    net, inputs = make_net(), draw()
    before = prefix(net, inputs[:, :5])
    tensors = list(depends_on(net))
    assert len(tensors) == 9
    tensors[index].data += 1
    assert not torch.equal(prefix(net, inputs[:, :5]), before)


def test_it_depends_on_no_other() -> None:
    net, inputs = make_net(), draw()
    before = prefix(net, inputs[:, :5])
    dependent = {id(tensor) for tensor in depends_on(net)}
    for tensor in (*net.parameters(), *net.buffers()):
        if id(tensor) not in dependent and tensor.is_floating_point():
            tensor.data += 1
    assert torch.equal(prefix(net, inputs[:, :5]), before)
