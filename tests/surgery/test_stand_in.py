"""Tests for surgery/stand_in.py: units that are left do as if none had gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sb3_prune.surgery.stand_in import StandIn

KEPT = torch.tensor([1, 2, 4, 6, 7])
WEIGHT, BIAS = torch.linspace(0.5, 2, 8), torch.linspace(-1, 1, 8)
Call = Callable[[Tensor, Tensor, Tensor], Tensor]

KEEPING: dict[str, Call] = {
    "layer_norm": lambda h, w, b: functional.layer_norm(h, (len(w),), w, b, 0.1),
    "layer_norm-bare": lambda h, w, b: functional.layer_norm(h, h.shape[-1:]),
    "layer_norm-torch": lambda h, w, b: torch.layer_norm(h, [len(w)], w, b),
    "layer_norm-named": lambda h, w, b: functional.layer_norm(
        input=h, normalized_shape=h.shape[1:], bias=b, weight=w, eps=0.3
    ),
    "rms_norm": lambda h, w, b: functional.rms_norm(h, (len(w),), w),
    "rms_norm-eps": lambda h, w, b: functional.rms_norm(h, [len(w)], w, 0.2),
    "group_norm": lambda h, w, b: functional.group_norm(h, 1, w, b, 0.1),
    "group_norm-torch": lambda h, w, b: torch.group_norm(h, 1, bias=b),
    "softmax": lambda h, w, b: functional.softmax(h, dim=1),
    "softmax-method": lambda h, w, b: h.softmax(-1),
    "log_softmax": lambda h, w, b: torch.log_softmax(h, dim=-1),
}
REDUCING: dict[str, Call] = {
    "mean": lambda h, w, b: h.mean(1),
    "mean-kept": lambda h, w, b: h.mean(dim=1, keepdim=True),
    "amax": lambda h, w, b: h.amax(1),
    "std": lambda h, w, b: h.std(1),
    "var_mean": lambda h, w, b: torch.cat(torch.var_mean(h, 1)),
}


def twice(call: Call) -> tuple[Tensor, Tensor]:
    """Run a call with all units, and then with some of them."""
    torch.manual_seed(0)
    h, mode = torch.randn(5, 8), StandIn()
    with mode:
        before = call(h, WEIGHT, BIAS)
    mode.again()
    with mode:
        return before, call(h[:, KEPT], WEIGHT[KEPT], BIAS[KEPT])


@pytest.mark.parametrize("name", KEEPING)
def test_units_that_are_left_say_what_they_said(name: str) -> None:
    before, after = twice(KEEPING[name])
    torch.testing.assert_close(after, before[:, KEPT])


def test_channels_of_images_do_too() -> None:
    torch.manual_seed(0)
    x, mode = torch.randn(3, 8, 4, 4), StandIn()
    with mode:
        before = functional.group_norm(x, 1, WEIGHT, BIAS)
    mode.again()
    with mode:
        after = functional.group_norm(x[:, KEPT], 1, WEIGHT[KEPT], BIAS[KEPT])
    torch.testing.assert_close(after, before[:, KEPT])


@pytest.mark.parametrize("name", REDUCING)
def test_reductions_over_units_give_what_they_gave(name: str) -> None:
    before, after = twice(REDUCING[name])
    assert torch.equal(after, before)


def test_a_wrong_weight_still_shows() -> None:
    def wrong(h: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return functional.layer_norm(h, h.shape[1:], w.roll(int(len(w) == 5)), b)

    before, after = twice(wrong)
    assert not torch.allclose(after, before[:, KEPT], atol=0.1)


def test_reductions_over_something_else_are_left_alone() -> None:
    before, after = twice(lambda h, w, b: h.mean(0))
    torch.testing.assert_close(after, before[KEPT])


def test_the_same_call_again_is_left_alone() -> None:
    mode, x = StandIn(), torch.randn(4, 8)
    with mode:
        x.softmax(1)
        mode.again()
        assert torch.equal(x.softmax(1), torch.softmax(x, 1))
        assert torch.equal((2 * x).mean(1), 2 * x.mean(1))


@pytest.mark.parametrize("name", REDUCING)
def test_reductions_over_other_units_show(name: str) -> None:
    """Units that are not those of the first time were cut at the wrong place."""
    call = REDUCING[name]
    before, after = twice(lambda h, w, b: call(h + (h.shape[1] == len(KEPT)), w, b))
    assert not torch.allclose(after, before, atol=0.1)
