"""Is the non-negative lasso of projections faster than scikit-learn's?"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sb3_prune_clusters.lasso import nonnegative_lasso
from sklearn.linear_model import Lasso

from benchmarks.harness import Table, rates, ratio

UNITS, INPUTS, LAYERS, PENALTY = 126, 10_000, 6, 50.0
TOLERANCE = 1e-3
"""scikit-learn's ``tol``: the largest power of ten with which the objective of every
column is within 1e-4 of the optimum. scikit-learn's default, 1e-4, is slower."""

Floats = NDArray[np.float64]


def features(inputs: Floats, rng: np.random.Generator) -> Floats:
    """Return the units of a random network of six ReLU layers, each in [0, 1]."""
    layers, width = [inputs], UNITS // LAYERS
    for _ in range(LAYERS):
        limit = np.sqrt(6 / (layers[-1].shape[1] + width))
        weights = rng.uniform(-limit, limit, (layers[-1].shape[1], width))
        layers.append(np.maximum(layers[-1] @ weights, 0))
    units = np.concatenate(layers[1:], axis=1)
    return units / np.maximum(units.max(axis=0), 1e-12)


def observations(rng: np.random.Generator) -> Floats:
    """Return random observations of three-joint arms: sines, cosines, a goal."""
    angles = rng.normal(0, 1, (INPUTS, 3))
    goals = rng.uniform(-1, 1, (INPUTS, 2))
    return np.concatenate([np.sin(angles), np.cos(angles), goals], axis=1)


def by_sklearn(B: Floats, A: Floats) -> Floats:
    """Solve eq. (5) of Feldotto et al. 2022 column by column.

    scikit-learn's alpha is lambda divided by the number of inputs.
    """
    lasso = _lasso(len(B))
    return np.stack([lasso.fit(B, a).coef_ for a in A.T], axis=1)


def by_sklearn_at_once(B: Floats, A: Floats) -> Floats:
    """Solve all columns in one fit that shares the Gram matrix."""
    lasso = _lasso(len(B), precompute=B.T @ B)
    found: Floats = lasso.fit(B, A).coef_.T
    return found


def objective(B: Floats, A: Floats, P: Floats, penalty: float) -> Floats:
    """Return the objective of eq. (5) for every target unit, (M,)."""
    misfit: Floats = np.square(B @ P - A).sum(axis=0) / 2
    return misfit + penalty * np.abs(P).sum(axis=0)


def _lasso(inputs: int, **options: Any) -> Any:
    return Lasso(
        alpha=PENALTY / inputs,
        positive=True,
        fit_intercept=False,
        copy_X=False,
        tol=TOLERANCE,
        max_iter=1_000_000,
        **options,
    )


def run() -> Table:
    """Compare the time to solve for all target units with equal objectives."""
    rng = np.random.default_rng(0)
    seen = observations(rng)
    B, A = (
        np.asfortranarray(features(seen, rng)),
        np.asfortranarray(features(seen, rng)),
    )
    solvers: dict[str, Callable[[], Floats]] = {
        "sb3_prune_clusters": lambda: nonnegative_lasso(B, A, PENALTY),
        "scikit-learn": lambda: by_sklearn(B, A),
        "scikit-learn, one fit, Gram given": lambda: by_sklearn_at_once(B, A),
    }
    found: dict[str, Floats] = {}

    def solve(name: str) -> int:
        found[name] = solvers[name]()
        return 1

    speeds = rates({name: lambda n=name: solve(n) for name in solvers}, rounds=5)  # type: ignore[misc]
    return _table(speeds, {n: objective(B, A, P, PENALTY) for n, P in found.items()})


def _table(speeds: dict[str, list[float]], objectives: dict[str, Floats]) -> Table:
    table = Table(
        f"Non-negative lasso, K = M = {UNITS}, N = {INPUTS:,}, penalty {PENALTY:g}",
        ["solver", "ms for all targets", "objective", "worst column above ours"],
    )
    ours, theirs = "sb3_prune_clusters", "scikit-learn"
    worst = {n: _excess(o, objectives[ours]) for n, o in objectives.items()}
    for name, speed in speeds.items():
        row: list[Any] = [name, 1e3 / statistics.median(speed)]
        table.rows.append([*row, float(objectives[name].sum()), f"{worst[name]:.0e}"])
    gain = ratio(speeds[ours], speeds[theirs])
    table.claim(
        f"all columns' objectives equal to 1e-4 (scikit-learn's tol = {TOLERANCE:g})",
        all(abs(w) <= 1e-4 for w in worst.values()),
    )
    table.claim(
        f"at least 10 times scikit-learn column by column (measured {gain:.1f})",
        gain >= 10,
    )
    return table


def _excess(theirs: Floats, ours: Floats) -> float:
    relative = (theirs - ours) / np.maximum(ours, 1e-12)
    return float(relative[np.abs(relative).argmax()])
