"""Tests for surgery/flow/rules/norms.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from sb3_prune.surgery import trial
from surgery.flow.tiny import (
    Net,
    TinyPolicy,
    assert_fixed,
    assert_folds,
    assert_prunable,
    groups,
)

WALK, IMAGE = (3, 4), (3, 4, 4)
Function = Callable[[torch.Tensor], torch.Tensor]


def between(module: nn.Module | Function) -> Net:
    """Return two Linears, and something with the eight units between them."""
    a, out = nn.Linear(5, 8), nn.Linear(8, 4)
    return Net(lambda n, x: n.out(n.inner(n.a(x))), a=a, inner=module, out=out)


def in_images(module: nn.Module | Function, width: int) -> Net:
    """Return a convolution and a Linear, and something with six channels between."""

    def run(n: Net, x: torch.Tensor) -> torch.Tensor:
        return n.out(n.inner(n.a(x)).flatten(1))

    return Net(run, a=nn.Conv2d(3, 6, 1), inner=module, out=nn.Linear(width, 4))


# What belongs to a unit goes with it.


@pytest.mark.parametrize("affine", [True, False])
def test_statistics_and_scales_of_a_batch_norm_belong_to_units(affine: bool) -> None:
    net = between(nn.BatchNorm1d(8, affine=affine))
    assert_prunable(net, {"a": 8, "out": 4})
    assert_folds(net, "a")


@pytest.mark.parametrize(
    "norm",
    [
        nn.BatchNorm2d(6),
        nn.InstanceNorm2d(6, affine=True),
        nn.InstanceNorm2d(6, track_running_stats=True),
    ],
    ids=["batch", "instance", "instance-tracked"],
)
def test_channels_are_normalised_one_by_one(norm: nn.Module) -> None:
    assert_prunable(in_images(norm, 96), {"a": 6, "out": 4}, shape=IMAGE)


def test_slopes_belong_to_units_but_a_single_one_does_not() -> None:
    assert_prunable(between(nn.PReLU(8)), {"a": 8, "out": 4})
    assert_prunable(between(nn.PReLU()), {"a": 8, "out": 4})


# What mixes units says so.

MIXING: dict[str, nn.Module | Function] = {
    "layer-norm": nn.LayerNorm(8),
    "layer-norm-without-scale": nn.LayerNorm(8, elementwise_affine=False),
    "layer-norm-by-shape": lambda h: functional.layer_norm(h, h.shape[1:]),
    "rms-norm": nn.RMSNorm(8),
    "group-norm-of-one": nn.GroupNorm(1, 8),
    "softmax": nn.Softmax(dim=1),
    "softmax-by-default": lambda h: functional.softmax(h, dim=-1),
    "log-softmax": lambda h: h.log_softmax(1),
    "centred": lambda h: h - h.mean(1, keepdim=True),
    "standardised": lambda h: h / (1 + h.std(1, True)[:, None]),
    "by-variance": lambda h: h / (1 + h.var(dim=-1, keepdim=True)),
    "by-both": lambda h: h - torch.std_mean(h, 1, keepdim=True)[1],
}


@pytest.mark.parametrize("name", MIXING)
def test_what_mixes_units_says_so_and_moves_outputs(name: str) -> None:
    net = between(MIXING[name])
    assert_prunable(net, {"a": 8, "out": 4}, mixes={"a"})
    assert trial.movement(TinyPolicy(net), ["net.a"]) > 1e-3


SUMMING: dict[str, Function] = {
    "sum": lambda h: h / (1 + h.sum(1, keepdim=True) ** 2),
    "sum-by-name": lambda h: h / (1 + torch.sum(h, axis=1) ** 2)[:, None],
    "sum-of-all": lambda h: h / (1 + h.sum() ** 2),
    "norm": lambda h: h / (1 + h.norm(2, 1, keepdim=True)),
    "vector-norm": lambda h: h / (1 + torch.linalg.vector_norm(h, 2, 1))[:, None],
    "linalg-norm": lambda h: h / (1 + torch.linalg.norm(h, dim=1, keepdim=True)),
    "softmin": lambda h: functional.softmin(h, dim=1),
    "least": lambda h: h - h.amin(1, keepdim=True),
    "running-sum": lambda h: h.cumsum(1),
    "largest": lambda h: h * h.abs().max(dim=1, keepdim=True)[0],
    "place-of-the-largest": lambda h: h * (1 + h.abs().argmax(1, keepdim=True) % 2),
}


@pytest.mark.parametrize("name", SUMMING)
def test_sums_and_extremes_mix_units_though_dead_ones_add_nothing(
    name: str,
) -> None:
    found = groups(TinyPolicy(between(SUMMING[name])))
    assert found["a"].fixed is None
    assert found["a"].mixes
    assert not found["out"].mixes


APART: dict[str, Function] = {
    "over-the-batch": lambda h: h - h.mean(0),
    "over-the-batch-by-tuple": lambda h: h - h.mean((0,), keepdim=True),
    "over-a-new-axis": lambda h: torch.stack([h, -h], 1).logsumexp(dim=1),
    "larger-of-two": lambda h: torch.max(h, h.tanh()),
    "larger-by-name": lambda h: torch.max(h, other=h.tanh()),
    "softmax-elsewhere": lambda h: torch.stack([h, -h], 1).softmax(1)[:, 0],
    "a-check": lambda h: h if bool(torch.isfinite(h).all()) else -h,
}


@pytest.mark.parametrize("name", APART)
def test_units_stay_apart_along_other_axes(name: str) -> None:
    assert_prunable(between(APART[name]), {"a": 8, "out": 4})


def test_no_constant_folds_where_units_mix() -> None:
    net = between(nn.LayerNorm(8))
    assert_folds(net, "a", kept="layer_norm")


def test_several_groups_of_channels_stay_as_they_are() -> None:
    why = "group_norm has several groups"
    assert_fixed(in_images(nn.GroupNorm(3, 6), 96), {"a": why}, shape=IMAGE)


def test_a_norm_of_channels_and_positions_mixes_the_channels() -> None:
    net = in_images(nn.GroupNorm(1, 6), 96)
    assert_prunable(net, {"a": 6, "out": 4}, shape=IMAGE, mixes={"a"})


# Pooling.

POOLS: dict[str, tuple[Function, int]] = {
    "max": (lambda h: functional.max_pool2d(h, 2), 24),
    "max-with-places": (
        lambda h: functional.max_pool2d(h, 2, return_indices=True)[0],
        24,
    ),
    "mean": (lambda h: functional.avg_pool2d(h, 2), 24),
    "to-a-size": (lambda h: functional.adaptive_avg_pool2d(h, 1), 6),
    "largest-to-a-size": (lambda h: functional.adaptive_max_pool2d(h, 2), 24),
    "power": (lambda h: functional.lp_pool2d(h.relu(), 2, 2), 24),
    "over-all": (lambda h: h.mean((2, 3)), 6),
}


@pytest.mark.parametrize("name", POOLS)
def test_pooling_leaves_channels_alone(name: str) -> None:
    function, width = POOLS[name]
    assert_prunable(in_images(function, width), {"a": 6, "out": 4}, shape=IMAGE)


def test_pooling_over_a_line_leaves_channels_alone() -> None:
    net = nn.Sequential(
        nn.Conv1d(3, 6, 1), nn.AvgPool1d(2), nn.Flatten(), nn.Linear(12, 4)
    )
    assert_prunable(net, {"0": 6, "3": 4}, shape=WALK)


def test_units_that_are_pooled_stay() -> None:
    net = Net(
        lambda n, x: n.out(functional.avg_pool1d(n.a(x), 2)),
        **{"a": nn.Linear(5, 8), "out": nn.Linear(4, 4)},
    )
    assert_fixed(net, {"a": "pooling slides along this axis"})
