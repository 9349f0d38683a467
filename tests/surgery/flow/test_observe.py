"""Tests for surgery/flow/observe.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from sb3_prune.surgery.flow.observe import PRODUCTS, Observer, installed
from sb3_prune.surgery.flow.slots import Read, Side, Slot
from sb3_prune.surgery.flow.tracer import Tracer
from surgery.flow.tiny import Net, matrix

Call = Callable[[Any, torch.Tensor], Any]
LINE, WALK, IMAGE, SOLID = (2, 5), (2, 3, 5), (2, 5, 4, 4), (2, 5, 3, 3, 3)


class Weighty(nn.Module):
    """A weight of eight units that reads five numbers, and what else may."""

    def __init__(self, w: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self.w, self.b, self.wt = w, matrix(8), matrix(5, 8)


def run(n: Weighty, x: torch.Tensor) -> torch.Tensor:
    """Run a module."""
    return n.w(x)


CASES: dict[str, tuple[Any, str, Call, tuple[int, ...]]] = {
    "linear": (nn.Linear(5, 8), "w.weight", run, LINE),
    "linear-of-a-walk": (nn.Linear(5, 8), "w.weight", run, WALK),
    "conv1d": (nn.Conv1d(5, 8, 1), "w.weight", run, (2, 5, 3)),
    "conv2d": (nn.Conv2d(5, 8, 3, padding=1), "w.weight", run, IMAGE),
    "conv3d": (nn.Conv3d(5, 8, 2), "w.weight", run, SOLID),
    "lstm": (nn.LSTM(5, 8, batch_first=True), "w.weight_ih_l0", run, WALK),
    "gru": (nn.GRU(5, 8, batch_first=True), "w.weight_ih_l0", run, WALK),
    "rnn": (nn.RNN(5, 8, batch_first=True), "w.weight_ih_l0", run, WALK),
    "rnn-relu": (
        nn.RNN(5, 8, batch_first=True, nonlinearity="relu"),
        "w.weight_ih_l0",
        run,
        WALK,
    ),
    "lstm-cell": (nn.LSTMCell(5, 8), "w.weight_ih", run, LINE),
    "gru-cell": (nn.GRUCell(5, 8), "w.weight_ih", run, LINE),
    "rnn-cell": (nn.RNNCell(5, 8), "w.weight_ih", run, LINE),
    "rnn-relu-cell": (
        nn.RNNCell(5, 8, nonlinearity="relu"),
        "w.weight_ih",
        run,
        LINE,
    ),
    "functional": (matrix(8, 5), "w", lambda n, x: functional.linear(x, n.w), LINE),
    "matmul": (nn.Identity(), "wt", lambda n, x: x @ n.wt, WALK),
    "method": (nn.Identity(), "wt", lambda n, x: x.matmul(n.wt), LINE),
    "mm": (nn.Identity(), "wt", lambda n, x: torch.mm(x, n.wt), LINE),
    "bmm": (matrix(2, 5, 8), "w", lambda n, x: torch.bmm(x, n.w), WALK),
    "mv": (matrix(5), "w", lambda n, x: torch.mv(x, n.w), LINE),
    "dot": (matrix(5), "w", lambda n, x: torch.dot(x, n.w), (5,)),
    "transposed": (matrix(8, 5), "w", lambda n, x: x @ n.w.t(), LINE),
    "detached": (matrix(8, 5), "w", lambda n, x: x @ n.w.mT.detach(), LINE),
    "data": (matrix(8, 5), "w", lambda n, x: functional.linear(x, n.w.data), LINE),
    "addmm": (nn.Identity(), "wt", lambda n, x: torch.addmm(n.b, x, n.wt), LINE),
    "linear-keywords": (
        nn.Linear(5, 8),
        "w.weight",
        lambda n, x: functional.linear(input=x, weight=n.w.weight),
        LINE,
    ),
}


def keyed(net: nn.Module, path: str) -> tuple[nn.Module, str]:
    """Return a tensor by its owner and name."""
    owner, _, name = path.rpartition(".")
    return net.get_submodule(owner), name


@pytest.mark.parametrize("name", CASES)
def test_what_arrives_at_a_weight_is_kept(name: str) -> None:
    module, path, call, shape = CASES[name]
    net, inputs = Weighty(module), [torch.randn(shape), torch.randn(shape)]
    key = keyed(net, path)
    with torch.no_grad(), Observer([key]) as observer:
        outputs = [call(net, x) for x in inputs]
    assert list(observer.arrived) == [key]
    assert all(map(torch.equal, observer.arrived[key], inputs))
    # Nothing else comes out of a call that is watched.
    with torch.no_grad():
        plain = call(net, inputs[1])
    flat = [o if isinstance(o, torch.Tensor) else o[0] for o in (outputs[1], plain)]
    assert torch.equal(*flat)


@pytest.mark.parametrize("name", CASES)
def test_what_a_tracer_saw_arrive_is_observed(name: str) -> None:
    """Else, what a constant unit says would get lost."""
    module, path, call, shape = CASES[name]
    net, x = Weighty(module), torch.randn(shape)
    weight = getattr(*keyed(net, path))
    tracer = Tracer(net)
    with torch.no_grad(), tracer:
        call(net, x)
    (arrival,) = tracer.arrivals
    assert arrival.weight == id(weight)
    assert x.shape[arrival.input_axis] == weight.shape[arrival.axis] == 5


def test_only_the_chosen_weights_are_watched() -> None:
    net = nn.Sequential(nn.Linear(5, 8), nn.Linear(8, 4))
    with torch.no_grad(), Observer([(net[1], "weight")]) as observer:
        net(torch.randn(LINE))
    assert [(key[0], x.shape) for key, (x,) in observer.arrived.items()] == [
        (net[1], (2, 8))
    ]


def test_readers_come_with_what_they_got() -> None:
    net = nn.Sequential(nn.Linear(5, 8), nn.Linear(8, 4), nn.Linear(8, 3))
    reads = [Read(Slot(net[i], "weight", 1, Side.COLUMNS), -1) for i in (2, 1)]
    with torch.no_grad(), Observer(read.slot.key for read in reads) as observer:
        assert not observer.read_by(reads)
        for _ in range(2):
            net[1](net[0](torch.ones(LINE)))
    ((read, given),) = observer.read_by(reads)
    assert read is reads[1] and len(given) == 2
    assert set(observer.arrived) == {read.slot.key}


def test_what_is_kept_holds_no_graph() -> None:
    net = nn.Sequential(nn.Linear(5, 8), nn.Linear(8, 4))
    with Observer([(net[1], "weight")]) as observer:
        assert net(torch.randn(LINE)).requires_grad
    assert not observer.arrived[net[1], "weight"][0].requires_grad


def test_a_sum_with_a_weight_is_no_product() -> None:
    net = Net(lambda n, x: x + n.w, w=matrix(5))
    with torch.no_grad(), Observer([(net, "w")]) as observer:
        net(torch.randn(LINE))
    assert not observer.arrived
    assert "add" not in PRODUCTS


# Other tensors for a while.


@pytest.mark.parametrize("fails", [False, True])
def test_modules_hold_other_tensors_for_a_while(fails: bool) -> None:
    norm = nn.BatchNorm1d(3)
    weight, mean = norm.weight, norm.running_mean
    other = {(norm, "weight"): torch.full((3,), 2.0), (norm, "running_mean"): mean + 1}
    try:
        with installed(other):
            assert isinstance(norm.weight, nn.Parameter)
            assert not norm.weight.requires_grad
            said = norm.eval()(torch.ones(1, 3))
            torch.testing.assert_close(said, torch.zeros(1, 3))
            assert norm.weight.tolist() == [2.0] * 3
            assert 1 / (0 if fails else 1)
    except ZeroDivisionError:
        assert fails
    assert norm.weight is weight
    assert norm.running_mean is mean
    assert [name for name, _ in norm.named_parameters()] == ["weight", "bias"]


@pytest.mark.parametrize("attached", [True, False])
def test_inputs_stay_in_the_graph_if_asked_to(attached: bool) -> None:
    net = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1))
    with Observer([(net[2], "weight")], attached=attached) as observer:
        out = net(torch.ones(2, 5)).sum()
    (given,) = observer.arrived[net[2], "weight"]
    assert given.requires_grad is attached
    if attached:
        (gradient,) = torch.autograd.grad(out, given)
        assert torch.equal(gradient, net[2].weight.expand(2, 4))  # type: ignore[arg-type]
