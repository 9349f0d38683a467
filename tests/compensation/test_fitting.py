"""Tests for compensation/fitting.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sb3_prune.compensation import fitting
from sb3_prune.compensation.fitting import Fit, fit, held_out
from sb3_prune.exceptions import NonFiniteError, NoObservationsError
from sb3_prune.surgery import keep, merge

some = settings(max_examples=25, deadline=None, derandomize=True, database=None)
widths = st.integers(2, 9)


def drawn(
    seed: int, samples: int, units: int, mean: float = 1.0, noise: float = 0.1
) -> torch.Tensor:
    """Draw activations of units that depend on each other, and on nothing linear."""
    generator = torch.Generator().manual_seed(seed)
    causes = torch.randn(samples, max(1, units // 2), generator=generator)
    mix = torch.randn(causes.shape[1], units, generator=generator)
    own = torch.randn(samples, units, generator=generator)
    return ((causes @ mix).relu() + noise * own + mean).double()


def start_of(kind: str, units: int) -> Any:
    """Return the change of a plain cut or a merge that leaves half of the units."""
    half = max(1, units // 2)
    if kind == "keep":
        return keep(range(half), units)
    clusters = [[k] for k in range(half)]
    for k in range(half, units):
        clusters[k % half].append(k)
    return merge(clusters, units, torch.linspace(0.5, 2, units).tolist())


def squares(old: Any, new: Any, columns: Any, shifts: Any) -> torch.Tensor:
    """Return the mean square of what is missing of each unit, the slow way."""
    return (old - new @ columns.T - shifts).square().mean(0)


def made(
    seed: int, units: int, kind: str, samples: int = 200, intercept: bool = True
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, Fit]:
    """Return activations before and after a cut, the plain columns, and the fit."""
    change = start_of(kind, units)
    old = drawn(seed, samples, units)
    new = old @ change.rows.double().T
    start = change.columns.double()
    weights = torch.linspace(0.1, 2, units)
    return old, new, start, fit(old, new, start, weights, intercept=intercept)


@some
@given(
    seed=st.integers(0, 999),
    units=widths,
    kind=st.sampled_from(["keep", "merge"]),
    samples=st.integers(20, 400),
    intercept=st.booleans(),
)
def test_no_unit_is_expressed_worse_than_by_the_plain_cut(
    seed: int, units: int, kind: str, samples: int, intercept: bool
) -> None:
    old, new, start, found = made(seed, units, kind, samples, intercept)
    after = squares(old, new, found.columns, found.shifts)
    before = squares(old, new, start, torch.zeros(units))
    assert bool((after <= before + 1e-9).all())
    assert found.samples == samples
    assert found.ridge in (fitting.LEAST, *fitting.RIDGES, math.inf)
    assert intercept or not found.shifts.any()


@pytest.mark.parametrize("ridge", fitting.RIDGES)
@pytest.mark.parametrize("kind", ["keep", "merge"])
def test_every_ridge_keeps_the_law(
    ridge: float, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "RIDGES", (ridge,))
    old, new, start, found = made(5, 8, kind)
    after = squares(old, new, found.columns, found.shifts)
    assert found.ridge == ridge
    assert bool((after <= squares(old, new, start, torch.zeros(8)) + 1e-9).all())


@some
@given(
    seed=st.integers(0, 999),
    units=widths,
    kind=st.sampled_from(["keep", "merge"]),
    intercept=st.booleans(),
)
def test_what_a_ridge_misses_is_known_without_its_solution(
    seed: int, units: int, kind: str, intercept: bool
) -> None:
    old, new, start, _ = made(seed, units, kind)
    kept, out = (
        fitting._Moments.of(old[s], new[s]) for s in (slice(99), slice(99, 200))
    )
    weights = torch.linspace(0.1, 2.0, units, dtype=torch.float64)
    path = fitting._Path.of(kept, start, intercept)
    quick = path.lost(fitting.RIDGES, out, weights)
    slow = [out.missing(*path.solution(r)) @ weights for r in fitting.RIDGES]
    torch.testing.assert_close(quick, torch.stack(slow), rtol=1e-6, atol=1e-9)


@some
@given(seed=st.integers(0, 999), units=widths, kind=st.sampled_from(["keep", "merge"]))
def test_with_a_tiny_ridge_it_is_the_least_squares_solution(
    seed: int, units: int, kind: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "RIDGES", (1e-12,))
        old, new, _, found = made(seed, units, kind)
        _, _, _, bare = made(seed, units, kind, intercept=False)
    ones = np.ones((len(old), 1))
    solved, *_ = np.linalg.lstsq(np.hstack([new, ones]), old.numpy(), rcond=None)
    np.testing.assert_allclose(found.columns, solved[:-1].T, atol=1e-6)
    np.testing.assert_allclose(found.shifts, solved[-1], atol=1e-6)
    solved, *_ = np.linalg.lstsq(new.numpy(), old.numpy(), rcond=None)
    np.testing.assert_allclose(bare.columns, solved.T, atol=1e-6)


@pytest.mark.parametrize("ridge", [1e-4, 1e-1])
def test_with_a_ridge_it_minimises_the_documented_sum(
    ridge: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slow way: the ridge as further rows of a least-squares problem."""
    monkeypatch.setattr(fitting, "RIDGES", (ridge,))
    old, new, start, found = made(3, 8, "merge")
    centred = new - new.mean(0)
    weight = (ridge * centred.square().mean(0).mean() * len(old)) ** 0.5
    eye = np.eye(new.shape[1]) * float(weight)
    rows = np.vstack([np.hstack([new, np.ones((len(old), 1))]), np.pad(eye, (0, 1))])
    rows = rows[:-1]
    targets = np.vstack([old, eye @ start.numpy().T])
    solved, *_ = np.linalg.lstsq(rows, targets, rcond=None)
    np.testing.assert_allclose(found.columns, solved[:-1].T, atol=1e-8)
    np.testing.assert_allclose(found.shifts, solved[-1], atol=1e-8)


def test_units_that_stay_as_they_are_stay_exactly() -> None:
    _, _, start, found = made(1, 9, "keep")
    kept = start.shape[1]
    assert torch.equal(found.columns[:kept], start[:kept])
    assert not found.shifts[:kept].any()


def test_units_that_the_others_can_express_are_exact() -> None:
    new = drawn(2, 300, 3)
    mix = torch.tensor([[1.0, -2.0, 0.0], [0.5, 0.5, 3.0]]).double()
    old = torch.cat([new, new @ mix.T + 0.7, torch.full((300, 1), 0.3)], dim=1)
    found = fit(old, new, torch.eye(6, 3), torch.ones(6))
    assert float(squares(old, new, found.columns, found.shifts).max()) < 1e-10
    torch.testing.assert_close(found.columns[3:5], mix, atol=1e-5, rtol=1e-5)
    assert float(found.shifts[5]) == pytest.approx(0.3) and found.error < 1e-5


def test_dead_units_and_layers_are_no_trouble() -> None:
    old = torch.zeros(40, 4)
    found = fit(old, old[:, :2], torch.eye(4, 2), torch.ones(4))
    assert torch.equal(found.columns, torch.eye(4, 2).double())
    assert not found.shifts.any() and found.error == found.plain == 0.0


@pytest.mark.parametrize("value", [0.0, 0.7, 1e4])
@pytest.mark.parametrize("intercept", [True, False])
def test_units_that_stay_may_all_be_constant(value: float, intercept: bool) -> None:
    old = drawn(7, 60, 6).float()
    old[:, :2] = value
    found = fit(old, old[:, :2], torch.eye(6, 2), torch.ones(6), intercept=intercept)
    assert bool(found.columns.isfinite().all()) and bool(found.shifts.isfinite().all())
    after = squares(old.double(), old[:, :2].double(), *parts(found))
    assert bool((after <= old.double().square().mean(0) + 1e-9).all())
    if intercept:  # Nothing but the mean is left to say.
        means = old[:, 2:].double().mean(0)
        torch.testing.assert_close(found.shifts[2:], means, atol=1e-2, rtol=1e-2)
        assert float(found.columns[2:].abs().max()) < 1e-2


def test_a_constant_layer_is_exact_with_an_intercept_alone() -> None:
    old = torch.full((40, 3), 2.0)
    start = torch.eye(3, 1)
    found = fit(old, old[:, :1], start, torch.ones(3))
    assert float(squares(old.double(), old[:, :1].double(), *parts(found)).max()) == 0.0
    bare = fit(old, old[:, :1], start, torch.ones(3), intercept=False)
    assert float(squares(old.double(), old[:, :1].double(), *parts(bare)).max()) < 1e-9


def parts(found: Fit) -> tuple[torch.Tensor, torch.Tensor]:
    return found.columns, found.shifts


def test_errors_are_those_of_samples_that_are_held_out() -> None:
    old, new, start, found = made(4, 8, "keep", samples=fitting.BLOCK * 10)
    index = torch.arange(len(old))
    held = index // fitting.BLOCK % fitting.HELD_OUT == fitting.HELD_OUT - 1
    assert int(held.sum()) == 2 * fitting.BLOCK
    weights = torch.linspace(0.1, 2, 8).double().square()
    rest = old[held]
    missing = squares(rest, new[held], start, torch.zeros(8)) * weights
    total = (rest.var(0, correction=0) * weights).sum()
    assert found.plain == pytest.approx(float(missing.sum() / total) ** 0.5)
    assert found.error < found.plain


def test_noise_asks_for_a_larger_ridge_than_an_exact_relation() -> None:
    generator = torch.Generator().manual_seed(0)
    new = torch.randn(60, 20, generator=generator)
    noise = torch.randn(60, 30, generator=generator)
    old = torch.cat([new, noise], dim=1)
    noisy = fit(old, new, torch.eye(50, 20), torch.ones(50))
    assert noisy.ridge == math.inf  # The plain cut is best.
    assert noisy.error == noisy.plain
    exact = fit(torch.cat([new, new], 1), new, torch.eye(40, 20), torch.ones(40))
    assert exact.ridge == fitting.LEAST


def test_units_that_cannot_be_expressed_exactly_are_not_by_large_weights() -> None:
    generator = torch.Generator().manual_seed(0)
    x, z, noise = torch.randn(3, 2000, generator=generator)
    new = torch.stack([x, x + 1e-3 * z], dim=1)  # Nearly the same unit twice.
    old = torch.cat([new, (x + 0.03 * z + 0.1 * noise)[:, None]], dim=1)
    given = old, new, torch.eye(3, 2), torch.ones(3)
    found, loose = fit(*given), fit(*given, ridges=(fitting.LEAST,))
    assert float(loose.columns.abs().max()) > 20
    assert float(found.columns.abs().max()) <= 1
    assert found.error < 1.1 * loose.error
    exact = fit(torch.cat([new, new.sum(1, keepdim=True)], dim=1), *given[1:])
    assert exact.ridge == fitting.LEAST and exact.error < 1e-6


@pytest.mark.parametrize("samples", [5, 40, 64, 257, 319, 320, 1000])
def test_about_a_fifth_is_held_out(samples: int) -> None:
    share = float(held_out(samples).double().mean())
    assert share == pytest.approx(0.2, abs=0.021)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_activations_that_are_not_finite_are_refused(value: float) -> None:
    old = torch.ones(40, 3)
    old[1, 2] = value
    with pytest.raises(NonFiniteError, match="NaN or infinite"):
        fit(old, old[:, :1], torch.eye(3, 1), torch.ones(3))


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(NoObservationsError, match="needs 5 samples, got 4"):
        made(6, 6, "keep", samples=4)


@pytest.mark.parametrize("samples", [5, 19])
def test_a_few_samples_do(samples: int) -> None:
    old, new, start, found = made(6, 6, "keep", samples=samples)
    after = squares(old, new, found.columns, found.shifts)
    assert bool((after <= squares(old, new, start, torch.zeros(6)) + 1e-9).all())
