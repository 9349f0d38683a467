"""The non-negative lasso against its optimality conditions and slow descent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sb3_prune_clusters import lasso
from sb3_prune_clusters.lasso import Floats, nonnegative_lasso

from benchmarks.lasso import objective
from sb3_prune.exceptions import ConfigError, NonFiniteError


def relu_units(seed: int, inputs: int = 400, units: int = 30) -> Floats:
    """Correlated features: two random ReLU layers, in [0, 1]."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(inputs, 4))
    layers = []
    for _ in range(2):
        weights = rng.normal(size=(hidden.shape[1], units // 2))
        hidden = np.maximum(hidden @ weights / np.sqrt(len(weights)), 0)
        layers.append(hidden)
    found = np.concatenate(layers, axis=1)
    return np.asarray(found / np.maximum(found.max(axis=0), 1e-9))


def by_descent(B: Floats, a: Floats, penalty: float, sweeps: int = 3000) -> Floats:
    """Minimise over one coordinate after the other, again and again."""
    p = np.zeros(B.shape[1])
    for _ in range(sweeps):
        for k in range(len(p)):
            rest = a - B @ p + B[:, k] * p[k]
            square = B[:, k] @ B[:, k]
            p[k] = max((B[:, k] @ rest - penalty) / square, 0) if square else 0
    return p


def kkt_residual(B: Floats, A: Floats, P: Floats, penalty: float) -> float:
    """How far P is from optimal: the gradient is >= 0, and 0 where P > 0."""
    gradient = B.T @ (B @ P - A) + penalty
    scale = np.abs(B.T @ A).max() + penalty
    worst = max(-gradient.min(), np.abs(gradient[P > 0]).max(initial=0))
    return float(worst / scale)


def test_one_source_by_hand() -> None:
    """B.a = 10, B.B = 5: p = (10 - 4) / 5."""
    P = nonnegative_lasso([[1.0], [2.0]], [[2.0], [4.0]], penalty=4)
    assert pytest.approx(np.array([[1.2]])) == P


def test_orthogonal_sources_by_hand() -> None:
    """Each coordinate is shrunk by lambda and clipped at zero."""
    targets = [[3.0, -1.0], [1.0, 5.0], [0.5, 2.0]]
    P = nonnegative_lasso(np.eye(3), targets, penalty=1)
    assert pytest.approx(np.array([[2, 0], [0, 4], [0, 1]]), abs=1e-8) == P


@pytest.mark.slow
@pytest.mark.parametrize("penalty", [0.5, 5.0])
def test_equals_slow_coordinate_descent(penalty: float) -> None:
    B, A = relu_units(0, units=10), relu_units(1, units=4)
    P = nonnegative_lasso(B, A, penalty)
    slow = np.stack([by_descent(B, a, penalty) for a in A.T], axis=1)
    assert pytest.approx(slow, abs=1e-5) == P


@pytest.mark.parametrize("penalty", [0.0, 1.0, 50.0])
def test_is_optimal(penalty: float) -> None:
    B, A = relu_units(2), relu_units(3)
    P = nonnegative_lasso(B, A, penalty)
    assert (P >= 0).all()
    assert kkt_residual(B, A, P, penalty) < 1e-8


def test_copies_of_a_source_do_no_harm() -> None:
    """The Gram matrix is singular; the objective is that without the copies."""
    B, A = relu_units(4), relu_units(5)
    doubled = np.concatenate([B, B], axis=1)
    P = nonnegative_lasso(doubled, A, 5.0)
    alone = objective(B, A, nonnegative_lasso(B, A, 5.0), 5.0)
    assert objective(doubled, A, P, 5.0) == pytest.approx(alone, rel=1e-7)


def test_more_sources_than_samples() -> None:
    B, A = relu_units(6, inputs=12, units=40), relu_units(7, inputs=12, units=4)
    assert kkt_residual(B, A, nonnegative_lasso(B, A, 0.1), 0.1) < 1e-8


def test_silent_units_have_no_weights() -> None:
    B, A = relu_units(8), relu_units(9)
    B[:, 3] = A[:, 2] = 0
    P = nonnegative_lasso(B, A, 1.0)
    assert not P[3].any()
    assert not P[:, 2].any()


@pytest.mark.parametrize("shape", [(5, 0), (5, 3)])
def test_no_active_source_at_all(shape: tuple[int, int]) -> None:
    P = nonnegative_lasso(np.zeros(shape), np.ones((5, 2)), 1.0)
    assert P.shape == (shape[1], 2)
    assert not P.any()


numbers = st.floats(0, 1).map(lambda x: round(x, 3))


@given(arrays(np.float64, (6, 4), elements=numbers), st.floats(0, 10))
def test_laws(units: Floats, penalty: float) -> None:
    """Optimal, better than any single change, and zero above the largest B.a."""
    B, A = units[:, :2], units[:, 2:]
    P = nonnegative_lasso(B, A, penalty)
    best = objective(B, A, P, penalty)
    for change in (0.9 * P, 1.1 * P, P + 0.01, np.zeros_like(P)):
        assert (best <= objective(B, A, change, penalty) + 1e-7).all()
    assert not nonnegative_lasso(B, A, float((B.T @ A).max())).max() > 1e-9


def test_objective_by_hand() -> None:
    B, A = np.array([[1.0], [2.0]]), np.array([[2.0, 0.0], [4.0, 0.0]])
    found = objective(B, A, np.array([[1.0, 3.0]]), 4.0)
    assert found == pytest.approx([5 / 2 + 4, 45 / 2 + 12])


@pytest.mark.parametrize("penalty", [-1.0, float("nan"), float("inf")])
def test_bad_penalties_are_named(penalty: float) -> None:
    with pytest.raises(ConfigError, match=f"at least 0, got {penalty}"):
        nonnegative_lasso(np.eye(2), np.eye(2), penalty)


def test_other_numbers_of_samples_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\(3, 3\) and \(2, 2\)"):
        nonnegative_lasso(np.eye(3), np.eye(2), 1.0)


def test_nan_is_refused() -> None:
    with pytest.raises(NonFiniteError, match="NaN"):
        nonnegative_lasso(np.eye(2), np.full((2, 1), np.nan), 1.0)


def test_what_cannot_be_solved_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(*_: object, maxiter: int) -> None:
        # SciPy's own 3 * 2 were too few for 290 units of an agent, without a penalty.
        assert maxiter == 100 * 2
        raise RuntimeError("Maximum number of iterations reached.")

    monkeypatch.setattr(lasso, "nnls", give_up)
    with pytest.raises(ConfigError, match=r"unit 0 .* 200 iterations with penalty = 0"):
        nonnegative_lasso(np.eye(3, 2), np.eye(3, 1), 0.0)
