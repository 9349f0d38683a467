"""Tests for stepping.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from sb3_prune_xinet.stepping import step

from sb3_prune.gates import Gate

WIDTHS = [5, 3, 7]
SLOPES = [0.3, -0.2, 1.5]
RATE = 0.1
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
}
both = pytest.mark.parametrize("optimizer", OPTIMIZERS)
MOMENTS = ("theta", "theta_mean", "theta_square")


def gates(widths: list[int] = WIDTHS) -> list[Gate]:
    made = [Gate() for _ in widths]
    for gate, width in zip(made, widths, strict=True):
        gate.learn(torch.empty(width, requires_grad=True))
    return made


def gradients(seed: int, widths: list[int] = WIDTHS) -> list[torch.Tensor]:
    torch.manual_seed(seed)
    return [torch.randn(width) * 3 for width in widths]


def thetas(made: list[Gate]) -> list[torch.nn.Parameter]:
    return [gate.theta for gate in made if gate.theta is not None]


def walk(made: list[Gate], optimizer: str, slopes: list[float] = SLOPES) -> None:
    step(made, slopes, optimizer=optimizer, learning_rate=RATE)


@both
def test_it_is_torchs_then_clamped(optimizer: str) -> None:
    made = gates()
    expected = [torch.ones(width) for width in WIDTHS]
    torchs = OPTIMIZERS[optimizer](expected, lr=RATE)
    met = [torch.cat(expected)]
    for seed in range(40):
        for theta, other, gradient, slope in zip(
            thetas(made), expected, gradients(seed), SLOPES, strict=True
        ):
            theta.grad, other.grad = gradient.clone(), gradient + slope
        walk(made, optimizer)
        torchs.step()
        for other in expected:
            other.clamp_(0, 1)
        met.append(torch.cat(expected))
        torch.testing.assert_close(
            [theta.detach() for theta in thetas(made)], expected, atol=1e-6, rtol=0
        )
    was_inside = (met[-2] > 0) & (met[-2] < 1)
    for bound in (0, 1):
        assert any((late == bound).any() for late in met[1:])
    assert was_inside.any()


@both
def test_the_gradient_of_the_loss_is_spent(optimizer: str) -> None:
    made = gates()
    for theta, gradient in zip(thetas(made), gradients(0), strict=True):
        theta.grad = gradient
    walk(made, optimizer)
    assert all(theta.grad is None for theta in thetas(made))


@both
def test_without_a_gradient_the_price_alone_counts(optimizer: str) -> None:
    made, other = gates(), gates()
    for theta in thetas(other):
        theta.grad = torch.zeros_like(theta)
    walk(made, optimizer)
    walk(other, optimizer)
    for gate, twin in zip(made, other, strict=True):
        assert torch.equal(thetas([gate])[0], thetas([twin])[0])
    assert [bool((theta < 1).all()) for theta in thetas(made)] == [True, False, True]


@both
def test_units_that_go_take_their_moments_along(optimizer: str) -> None:
    made, cut, kept = gates([6]), gates([6]), torch.tensor([0, 2, 5])
    for seed in range(20):
        (gradient,) = gradients(seed, [6])
        if seed == 10:
            shrink(cut[0], kept)
        rows = kept if seed >= 10 else torch.arange(6)
        thetas(made)[0].grad, thetas(cut)[0].grad = gradient.clone(), gradient[rows]
        walk(made, optimizer, [0.3])
        walk(cut, optimizer, [0.3])
    for name in MOMENTS:
        expected = getattr(made[0], name).detach()[kept]
        found = getattr(cut[0], name).detach()
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def shrink(gate: Gate, kept: torch.Tensor) -> None:
    """Keep some units, as surgery does."""
    assert gate.theta is not None
    assert gate.theta_mean is not None
    assert gate.theta_square is not None
    gate.theta = torch.nn.Parameter(gate.theta.detach()[kept])
    gate.theta_mean = gate.theta_mean[kept]
    gate.theta_square = gate.theta_square[kept]


@both
def test_a_step_is_seen_by_what_remembers_versions(optimizer: str) -> None:
    made = gates()
    before = [theta._version for theta in thetas(made)]
    walk(made, optimizer)
    after: Any = [theta._version for theta in thetas(made)]
    assert all(new > old for new, old in zip(after, before, strict=True))
