r"""Norms of the differences of all pairs of units, summed over episodes.

.. math:: S_{ij} = \sum_e \| a_i^{(e)} - a_j^{(e)} \|_2, \quad
          \| a - b \|^2 = \| a \|^2 + \| b \|^2 - 2 a^T b

One matrix product per episode and pair of blocks of units computes the squared norms.
The difference cancels digits for units that are nearly equal, so the product is in
float64. The square root and the sum over a few episodes need only float32. Three things
keep the products small:

* Only the upper triangle is computed.
* Equal steps of an episode are computed once, multiplied by the root of their number,
  which leaves the norms unchanged.
* For a unit that is silent in an episode, the norm of the difference is the norm of the
  other unit and needs no product.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, islice

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float32]
Matrix = NDArray[np.float64]

BLOCK = 512
"""Units on each side of a block, few enough for its buffers to fit in the CPU cache."""
CHUNK = 4
"""Episodes summed in float32 before their sum is added to the total in float64."""


@dataclass(frozen=True)
class _Episode:
    """An episode as two factors: ``left @ right.T`` has the squared norms."""

    speaking: torch.Tensor
    """Units that are active in at least one step, ascending, (speaking,)."""
    left: torch.Tensor
    """Factor of the active units, (speaking, features)."""
    right: torch.Tensor
    """Factor of all units, (units, features)."""


def summed_norms(episodes: Iterable[Array], scales: Matrix) -> Matrix:
    """Return the summed norms S of all pairs of units, symmetric, (K, K).

    It is faster if the units that are active in few episodes come first.

    Args:
        episodes: Activations of one episode after the other, (steps, K).
        scales: Factor of each unit's activations, (K,).
    """
    source = iter(episodes)
    sums = torch.zeros(len(scales), len(scales), dtype=torch.float64)
    norms: list[Matrix] = []
    while chunk := [_factorise(rows, scales) for rows in islice(source, CHUNK)]:
        _add_up(sums, chunk)
        norms += [np.sqrt(episode.right[:, -1].numpy()) for episode in chunk]
    lengths = np.stack(norms)  # (episodes, K)
    found: Matrix = np.triu(sums.numpy() + (lengths == 0).T.astype(float) @ lengths, 1)
    found += found.T
    return found


def _factorise(rows: Array, scales: Matrix) -> _Episode:
    scaled = _distinct(rows) * scales
    squares = np.einsum("tk,tk->k", scaled, scaled)
    ones = np.ones_like(squares)
    left = torch.from_numpy(np.vstack([-2 * scaled, squares, ones]).T)
    right = torch.from_numpy(np.vstack([scaled, ones, squares]).T)
    speaking = torch.from_numpy(np.flatnonzero(squares))
    return _Episode(speaking, left[speaking], right.contiguous())


def _distinct(rows: Array) -> Matrix:
    """Return each distinct step once, times the root of its count; norms are kept."""
    whole = np.ascontiguousarray(rows).view(f"V{rows.shape[1] * rows.itemsize}")
    _, first, counts = np.unique(whole, return_index=True, return_counts=True)
    kept: Matrix = rows[first].astype(np.float64) * np.sqrt(counts)[:, None]
    return kept


def _add_up(sums: torch.Tensor, episodes: Sequence[_Episode]) -> None:
    """Add the norms of a few episodes to the upper blocks, without silent rows."""
    edges = np.linspace(0, len(sums), -(-len(sums) // BLOCK) + 1).astype(int)
    cuts = [np.searchsorted(episode.speaking.numpy(), edges) for episode in episodes]
    squares, roots = torch.empty(0, dtype=torch.float64), torch.empty(0)
    partial = torch.empty(0)
    for i, j in combinations_with_replacement(range(len(edges) - 1), 2):
        block = sums[edges[i] : edges[i + 1], edges[j] : edges[j + 1]]
        partial.resize_(block.shape).zero_()
        for episode, cut in zip(episodes, cuts, strict=True):
            rows = slice(cut[i], cut[i + 1])
            columns = episode.right[edges[j] : edges[j + 1]]
            squares.resize_(rows.stop - rows.start, len(columns))
            torch.mm(episode.left[rows], columns.T, out=squares)
            roots.resize_(squares.shape).copy_(squares).clamp_min_(0).sqrt_()
            partial.index_add_(0, episode.speaking[rows] - edges[i], roots)
        block += partial
