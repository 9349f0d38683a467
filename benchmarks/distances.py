"""(f) How fast are the distances between all units?

The distance is that of Feldotto et al. 2022, equation (2).
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_prune_clusters.distances import largest, unit_distances
from scipy.spatial.distance import pdist, squareform

from benchmarks.clusters.agents import ARMS, arms, untrained
from benchmarks.harness import Table, rates, ratio
from sb3_prune.recording import record_episodes

Array = NDArray[np.float32]

EPISODES, STEPS, UNITS = 500, 60, 1536
UPDATES = 3_000
FEW = 10
"""Number of episodes to time the other solutions on: their time is linear in it."""
OURS, PDIST, NAIVE, PRODUCT = "ours", "pdist", "pdist, z.T", "float64 product"


def recorded() -> Array:
    """Return activations of 6 x 256 units in greedy episodes of a trained arm agent."""
    agent = untrained(3, [UNITS // 6] * 6, seed=0)
    agent.learn(UPDATES * ARMS)
    found = record_episodes(agent, arms(3, 250), episodes=EPISODES, progress=False)
    return np.concatenate(list(found.activations.values()), axis=2)


def dense() -> Array:
    """Return random activations, in which no unit is silent and no two steps equal."""
    draw = np.random.default_rng(0).standard_normal
    return np.maximum(draw((EPISODES, STEPS, UNITS), dtype=np.float32), 0)


def scaled(activations: Array) -> NDArray[np.float64]:
    """Return activations divided by their units' maxima, (episodes, steps, units)."""
    maxima = largest(activations)
    found: NDArray[np.float64] = activations / np.where(maxima == 0, 1, maxima)
    return found


def contenders(activations: Array) -> dict[str, Callable[[], int]]:
    """Return the functions to time; each returns its number of episodes."""
    views = [z.T for z in scaled(activations[:FEW])]
    copies = [np.ascontiguousarray(view) for view in views]
    factors = [torch.from_numpy(copy) for copy in copies]
    out = torch.empty(UNITS, UNITS, dtype=torch.float64)

    def ours() -> int:
        unit_distances(activations)
        return len(activations)

    def each(work: Callable[[Any], object], inputs: list[Any]) -> Callable[[], int]:
        return lambda: len([work(one) for one in inputs])

    return {
        OURS: ours,
        PDIST: each(pdist, copies),
        NAIVE: each(pdist, views),
        PRODUCT: each(lambda a: torch.mm(a, a.T, out=out), factors * 5),
    }


def worst_error(activations: Array) -> tuple[float, float]:
    """Return the largest error over all pairs, and over pairs of nearly equal units."""
    rng = np.random.default_rng(1)
    some = activations[:30, :, largest(activations) > 0][:, :, :200]
    noise = rng.uniform(0.999999, 1.000001, some.shape)
    alike = (3.7 * some * noise).astype(np.float32)
    both = np.concatenate([some, alike], axis=2)
    exact = np.mean([squareform(pdist(z.T)) for z in scaled(both)], axis=0)
    error = np.abs(unit_distances(both) - exact)
    return float(error.max()), float(np.diagonal(error, 200).max())


def run() -> Table:
    """Compare the times per episode, and our results with SciPy's."""
    table = Table(
        f"(f) Distances between {UNITS:,} units, {EPISODES} episodes of {STEPS} steps",
        ["activations", "", "ms per episode", "times ours"],
    )
    for name, make, rounds in (("recorded", recorded, 5), ("dense", dense, 3)):
        activations = make()
        found = rates(contenders(activations), rounds=rounds)
        slower = {rival: ratio(found[OURS], found[rival]) for rival in found}
        for rival, times in slower.items():
            milliseconds = 1e3 / statistics.median(found[rival])
            table.rows.append([name, rival, milliseconds, times])
        _claim(table, name, slower)
        worst, nearly = worst_error(activations)
        table.claim(
            f"{name}: error at most 1e-6 (measured {worst:.0e}, {nearly:.0e} for pairs "
            "that are nearly equal)",
            max(worst, nearly) <= 1e-6,
        )
    return table


def _claim(table: Table, name: str, slower: dict[str, float]) -> None:
    if name == "recorded":
        table.claim(
            f"{name}: at least 15 times faster than pdist(z.T) per episode (measured "
            f"{slower[NAIVE]:.0f}; {slower[PDIST]:.0f} if z.T is copied first)",
            slower[NAIVE] >= 15,
        )
    table.claim(
        f"{name}: within 3 times of the product (measured {1 / slower[PRODUCT]:.2f})",
        slower[PRODUCT] >= 1 / 3,
    )
