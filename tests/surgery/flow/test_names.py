"""Tests for surgery/flow/names.py."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from sb3_prune.surgery.flow.names import (
    ALIASES,
    FACTORIES,
    SILENT,
    called,
    leaves,
    pointwise,
)
from sb3_prune.surgery.flow.rules import RULES

Call = Callable[[torch.Tensor], Any]
UNTELLABLE = {
    "cuda",
    *("alpha_dropout", "bernoulli", "dropout", "dropout1d", "dropout2d", "dropout3d"),
    *("empty_like", "exponential", "feature_alpha_dropout", "feature_dropout"),
    *("normal", "rand_like", "randn_like", "rrelu", "uniform"),
}
"""What is random, or needs a device."""


class Listener(TorchFunctionMode):
    """Remembers what calls are named."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.names.append(called(func))
        return func(*args, **(kwargs or {}))


def heard(call: Call) -> list[str]:
    """Return what the calls are named that a function makes of a matrix."""
    x = torch.rand(3, 3)
    with Listener() as listener:
        call(x)
    return listener.names


SPELLINGS: dict[str, list[Call]] = {
    "add": [
        lambda x: x + x,
        lambda x: 1 + x,
        lambda x: operator.iadd(x, 1),
        lambda x: x.add_(1),
        lambda x: torch.add(x, x),
    ],
    "sub": [lambda x: x - 1, lambda x: 1 - x, lambda x: x.sub(1)],
    "rsub": [lambda x: torch.rsub(x, 1)],
    "div": [lambda x: x / 2, lambda x: operator.itruediv(x, 2)],
    "reciprocal": [lambda x: 2 / x, torch.reciprocal],
    "floor_divide": [lambda x: x // 2, lambda x: 2 // x],
    "remainder": [lambda x: x % 2, lambda x: torch.remainder(x, 2)],
    "pow": [lambda x: x**2, lambda x: 2**x],
    "and": [lambda x: (x > 0) & True],
    "invert": [lambda x: ~(x > 0)],
    "matmul": [lambda x: x @ x, lambda x: torch.matmul(x, x), lambda x: x.matmul(x)],
    "rmatmul": [lambda x: x.__rmatmul__(x)],
    "T": [lambda x: x.T],
    "data": [lambda x: x.data],
    "shape": [lambda x: x.shape],
    "set": [lambda x: setattr(x, "requires_grad", True)],
    "getitem": [lambda x: x[0]],
    "setitem": [lambda x: operator.setitem(x, 0, 1.0)],
    "softmax": [lambda x: x.softmax(1), lambda x: functional.softmax(x, 1)],
    "len": [len],
    "is_all_true": [lambda x: (x > 0)._is_all_true()],
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_all_spellings_of_an_operation_have_one_name(name: str) -> None:
    assert {heard(call)[-1] for call in SPELLINGS[name]} == {name}


def test_what_has_no_name_is_called_something() -> None:
    class Nameless:
        """Neither function nor method."""

        def __str__(self) -> str:
            return "nameless_"

    assert called(Nameless()) == "nameless"  # type: ignore[arg-type]


def _is_entrywise(function: Callable[..., Any], x: torch.Tensor) -> bool | None:
    """Tell whether a function commutes with moving entries; None if not to be told."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    try:
        plain, moved = function(x.clone()), function(x[order].clone())
    except (TypeError, RuntimeError, ValueError):
        return None
    if not isinstance(plain, torch.Tensor):
        return None
    if plain.shape != x.shape:
        return False
    return torch.equal(plain[order].nan_to_num(), moved.nan_to_num())


@pytest.mark.parametrize("inputs", ["floats", "booleans", "integers"])
@pytest.mark.filterwarnings("ignore")
def test_what_is_pointwise_commutes_with_moving_entries(inputs: str) -> None:
    x = torch.linspace(0.1, 0.9, 8)
    x = {"floats": x, "booleans": x > 0.3, "integers": (x * 10).long()}[inputs]
    told = 0
    for name in sorted(pointwise() - UNTELLABLE - RULES.keys()):
        for space in (torch, torch.special, functional, torch.Tensor):
            function = getattr(space, name.removeprefix("special_"), None)
            verdict = None if function is None else _is_entrywise(function, x)
            assert verdict is not False, (space, name)
            told += bool(verdict)
    assert told > 50


@pytest.mark.parametrize(
    "name",
    [
        *("relu", "gelu", "silu", "mish", "elu", "leaky_relu", "hardtanh", "hardswish"),
        *("softplus", "log_sigmoid", "tanhshrink", "softsign", "tanh", "clamp"),
        *("masked_fill", "where", "lerp", "dropout", "to", "float", "contiguous"),
        *("add", "sub", "rsub", "mul", "div", "pow", "gt", "minimum", "maximum"),
    ],
)
def test_activations_and_arithmetic_are_pointwise(name: str) -> None:
    assert name in pointwise()


@pytest.mark.parametrize(
    "name",
    [
        *("sum", "mean", "max", "min", "argmax", "amax", "cumsum", "sort", "softmax"),
        *("matmul", "linear", "flip", "roll", "getitem", "view", "t", "topk"),
        *("native_dropout", "cat", "layer_norm", "pad", "index_select"),
    ],
)
def test_what_looks_at_other_places_is_not_pointwise(name: str) -> None:
    assert name not in pointwise()


def test_no_name_of_a_kind_is_of_another() -> None:
    # torch.normal makes a tensor; Tensor.normal_ fills one.
    assert FACTORIES & pointwise() == {"normal"}
    assert not FACTORIES & SILENT
    assert not SILENT & ALIASES
    assert pointwise() | RULES.keys() >= ALIASES


def test_leaves_are_found_in_any_nest() -> None:
    a, b, c = (torch.zeros(n) for n in (1, 2, 3))
    nest = [a, {"x": (b, "text", None), "y": [[c], 1.0]}, torch.std_mean(c)]
    assert [len(t) if t.ndim else 0 for t in leaves(nest)] == [1, 2, 3, 0, 0]
    assert list(leaves("text")) == []
