"""Tests for surgery/flow/still.py: draws do not depend on the number of units."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from sb3_prune.surgery.flow.still import LEVELS, Still

ROWS = 6
DRAWS: dict[str, Callable[[Tensor], Tensor]] = {
    "rand": lambda h: torch.rand(h.shape),
    "rand_like": torch.rand_like,
    "randn": lambda h: torch.randn(*h.shape),
    "randn_like": torch.randn_like,
    "normal": lambda h: torch.normal(h, 2.0),
    "normal-named": lambda h: torch.normal(mean=0.0, std=torch.ones_like(h)),
    "normal_": lambda h: torch.empty_like(h).normal_(1.0, std=0.5),
    "init": lambda h: nn.init.normal_(torch.empty_like(h), 1.0, 0.5),
    "uniform_": lambda h: torch.empty_like(h).uniform_(-1, 3),
    "uniform": lambda h: nn.init.uniform_(torch.empty_like(h), a=-1, b=3),
    "bernoulli": lambda h: torch.bernoulli(torch.full_like(h, 0.5)),
    "bernoulli_": lambda h: torch.empty_like(h).bernoulli_(0.5),
    "exponential_": lambda h: torch.empty_like(h).exponential_(2.0),
    "distribution": lambda h: torch.distributions.Normal(h, 0.1).rsample(),
}


@pytest.mark.parametrize("name", DRAWS)
def test_all_units_draw_the_same_and_rows_do_not(name: str) -> None:
    found = []
    for level in LEVELS:
        with Still(level, ROWS) as mode:
            wide, narrow = (DRAWS[name](torch.ones(ROWS, n)) for n in (8, 5))
        assert mode.drawn
        assert torch.equal(wide[:, :5], narrow)
        assert bool((wide == wide[:, :1]).all())
        assert len(wide[:, 0].unique()) > 1
        found.append(wide)
    assert not torch.equal(*found)


@pytest.mark.parametrize("name", DRAWS)
def test_draws_are_in_the_range_of_what_is_drawn(name: str) -> None:
    many = torch.ones(1000, 2)
    with Still(0.3, 1000):
        still = DRAWS[name](many)
    drawn = DRAWS[name](many)
    assert abs(float(still.mean() - drawn.mean())) < 0.2
    assert abs(float(still.std() - drawn.std())) < 0.2


def test_a_mask_of_units_alone_is_open_once_and_closed_once() -> None:
    masks = []
    for level in LEVELS:
        with Still(level, ROWS):
            masks.append(torch.rand(8) < 0.5)
    assert bool(masks[0].all()) and not bool(masks[1].any())


DROPS: dict[str, Callable[[Tensor], Tensor]] = {
    "dropout": lambda h: functional.dropout(h, 0.5),
    "named": lambda h: functional.dropout(input=h, p=0.5),
    "torch": lambda h: torch.dropout(h, 0.5, True),
    "alpha": lambda h: functional.alpha_dropout(h, 0.5, True),
    "module": nn.Dropout(0.5),
    "channels": nn.Dropout1d(0.5),
}


@pytest.mark.parametrize("name", DROPS)
def test_nothing_is_dropped_and_the_input_is_not_handed_on(name: str) -> None:
    h = torch.randn(ROWS, 8)
    with Still(0.3, ROWS) as mode:
        out = DROPS[name](h)
    assert torch.equal(out, h) and out is not h
    assert not mode.drawn


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_nothing_is_dropped_between_layers_of_memory(kind: type[nn.RNNBase]) -> None:
    memory = kind(8, 8, 2, dropout=0.5)
    x = torch.randn(3, 2, 8)
    with Still(0.3, ROWS):
        out, _ = memory(x)
    torch.testing.assert_close(out, memory.eval()(x)[0])


@pytest.mark.parametrize("named", [False, True])
def test_slopes_by_chance_are_their_mean(named: bool) -> None:
    h = torch.tensor([-1.0, 2.0])
    with Still(0.3, ROWS):
        if named:
            out = functional.rrelu(input=h, lower=0.2, upper=0.4, training=True)
        else:
            out = functional.rrelu(h, 0.2, 0.4, True)
    torch.testing.assert_close(out, torch.tensor([-0.3, 2.0]))


def test_other_random_calls_are_repeated_after_draws_of_any_size() -> None:
    orders = []
    for width in (8, 5):
        torch.manual_seed(1)
        with Still(0.3, ROWS):
            torch.rand(ROWS, width)
            orders.append(torch.randperm(20))
    assert torch.equal(*orders)
