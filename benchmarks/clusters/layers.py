"""Layers: verdicts about which source layers predict which target layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.verdicts import Verdict, Whose, answer

STEEP = 0.5
"""Layers by which the source must rise per target layer to map layer to layer."""


def slope(matrix: np.ndarray) -> float:
    """Return by how many layers the source rises from one target layer to the next.

    It is that of a line through the mean source layer of each target layer: 1 if layers
    map onto themselves, 0 if all target layers map onto the same ones.

    Args:
        matrix: Shares, (source layers, target layers).
    """
    depth = np.arange(len(matrix)) @ matrix / matrix.sum(axis=0)
    return float(np.polyfit(np.arange(matrix.shape[1]), depth, 1)[0])


def of_pair(
    pair: str, maps: Sequence[Mapping[str, Any]], width: int
) -> Iterator[Verdict]:
    """Judge the mean matrix of layers of a pair of arms, if it was kept.

    Args:
        pair: Joint numbers of source and target, as in ``2-4``.
        maps: The projections of every agent.
        width: Initial width of the agents.
    """
    with_layers = [one["layers"] for one in maps if "layers" in one]
    if not with_layers:
        return
    matrix = np.mean(with_layers, axis=0)
    found = slope(matrix)
    source, target = map(int, pair.split("-"))
    close = abs(source - target) <= 1
    yield Verdict(
        claim=f"{pair}, {'close' if close else 'distant'} joint numbers: units map "
        f"{'layer to layer' if close else 'onto the first layers'} ({width} x 6).",
        whose=Whose.PAPER,
        rule="from one target layer to the next, the mean source layer rises by "
        f"{'at least' if close else 'less than'} {STEEP:g} layers",
        found=f"by {found:.2f}",
        answer=answer((found >= STEEP) == close),
    )
    yield from _used(pair, matrix, width)
    if source == target:
        yield from _diagonal(pair, matrix, width)


def _used(pair: str, matrix: np.ndarray, width: int) -> Iterator[Verdict]:
    used = matrix.sum(axis=1)
    yield Verdict(
        claim=f"{pair}: the first source layer is used most, the fifth of six least "
        f"({width} x 6).",
        whose=Whose.PAPER,
        rule="by the share, summed over target layers; listed: source layers 1 to 6",
        found=", ".join(f"{share:.2f}" for share in used),
        answer=answer(used.argmax() == 0 and used.argmin() == len(used) - 2),
    )


def _diagonal(pair: str, matrix: np.ndarray, width: int) -> Iterator[Verdict]:
    own = np.diag(matrix)
    largest = int((own == matrix.max(axis=0)).sum())
    yield Verdict(
        claim=f"{pair}: corresponding layers correlate most ({width} x 6).",
        whose=Whose.PAPER,
        rule="every target layer's largest share is that of its own source layer",
        found=f"{largest} of {len(own)} layers",
        answer=answer(largest == len(own)),
    )
    yield Verdict(
        claim=f"{pair}: the first and the last layer map best ({width} x 6).",
        whose=Whose.PAPER,
        rule="their shares on the diagonal are the two largest",
        found=", ".join(f"{share:.2f}" for share in own),
        answer=answer(set(np.argsort(own)[-2:]) == {0, len(own) - 1}),
    )
