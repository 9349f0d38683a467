"""Elementary changes: keep, remove, merge, reset or add units of one hidden layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import index

import torch

from sb3_prune.exceptions import PlanError, shown
from sb3_prune.surgery.change import Change, listed, require_real

WIDEST = 2**16
"""Largest number of units of a layer."""


def _checked(units: Sequence[int], width: int) -> list[int]:
    given = listed("Units must be whole numbers", units)
    named = [_whole("A unit", k) for k in given]
    wrong = sorted({k for k in named if not 0 <= k < width})
    if wrong:
        raise PlanError(
            f"Units {shown(wrong)} do not exist: the layer has {width} units."
        )
    twice = sorted(k for k, count in Counter(named).items() if count > 1)
    if twice:
        raise PlanError(f"Units {shown(twice)} are named more than once.")
    return named


def _whole(what: str, number: object) -> int:
    # A mask of bools would pass for the units 0 and 1.
    is_bool = "bool" in str(getattr(number, "dtype", type(number)))
    try:
        return index(None if is_bool else number)  # type: ignore[arg-type]
    except (TypeError, RuntimeError):  # RuntimeError: a tensor on 'meta'.
        raise PlanError(
            f"{what} must be a whole number, got {shown(number)}."
        ) from None


def _width(number: object) -> int:
    width = _whole("The number of units", number)
    if not 1 <= width <= WIDEST:
        raise PlanError(f"A layer must have 1 to {WIDEST} units, not {shown(width)}.")
    return width


def keep(units: Sequence[int], width: int) -> Change:
    """Keep these of ``width`` units, in this order, and remove all others."""
    width = _width(width)
    kept = torch.tensor(_checked(units, width), dtype=torch.long)
    rows = torch.zeros(len(kept), width).scatter_(1, kept[:, None], 1.0)
    change = Change(rows=rows, columns=rows.clone().T)
    # To derive these again would take a while.
    vars(change).update(selection=kept, kept=kept)
    return change


def remove(units: Sequence[int], width: int) -> Change:
    """Remove these of ``width`` units."""
    width = _width(width)
    gone = set(_checked(units, width))
    return keep([k for k in range(width) if k not in gone], width)


def merge(
    clusters: Sequence[Sequence[int]], width: int, scale: Sequence[float] | None = None
) -> Change:
    r"""Merge each cluster into one unit (Feldotto et al. 2022, equation 4).

    .. math:: P_{cn} = \frac{1}{|c| \gamma_n}, \quad C_{mc} = \gamma_m

    The new unit c is the mean of its members n, each divided by its scale
    :math:`\gamma_n`. A reader multiplies it by the sum of its old weights, each times
    :math:`\gamma_m`. Outputs stay equal if the members of a cluster are multiples
    :math:`h_n = \gamma_n h` of one ReLU unit h.

    Args:
        clusters: The old units that form each new unit; each occurs exactly once.
        width: Number of units K.
        scale: :math:`\gamma`, positive, shape (K,); ones by default.

    Raises:
        PlanError: A unit is missing or named twice, a cluster is empty, or a scale is
            not positive.
    """
    width = _width(width)
    given = listed("Clusters must be lists of units", clusters)
    members = [_checked(cluster, width) for cluster in given]
    if [] in members:
        raise PlanError(f"Cluster {members.index([])} is empty: it would make no unit.")
    if sorted(k for cluster in members for k in cluster) != list(range(width)):
        raise PlanError(f"Clusters must hold each of the {width} units exactly once.")
    gamma = torch.ones(width) if scale is None else _scale(scale, width)
    rows = torch.zeros(len(members), width)
    for c, cluster in enumerate(members):
        rows[c, cluster] = 1.0 / (len(cluster) * gamma[cluster])
    return Change(rows=rows, columns=(rows != 0).T * gamma[:, None])


def _scale(scale: object, width: int) -> torch.Tensor:
    try:
        given = torch.as_tensor(scale)
        require_real("scale", given)
        gamma = given.float().cpu()
    except (OverflowError, RuntimeError, TypeError, ValueError) as error:
        raise PlanError(f"scale must be {width} positive numbers: {error}.") from error
    if gamma.shape != (width,) or not bool((gamma > 0).all()):
        raise PlanError(f"scale must be {width} positive numbers, got {shown(scale)}.")
    return gamma


def reset(units: Sequence[int], width: int, seed: int) -> Change:
    """Redraw incoming weights of these of ``width`` units; zero outgoing weights."""
    width = _width(width)
    fresh = _checked(units, width)
    identity = torch.eye(width)
    draws = identity[:, fresh]
    identity[fresh] = 0.0
    return Change(
        rows=identity, columns=identity.T, draws=draws, seeds=_seeds(seed, len(fresh))
    )


def add(count: int, width: int, seed: int | None = 0) -> Change:
    """Add ``count`` units to ``width``; outgoing weights of 0 keep outputs equal.

    Args:
        count: Number of new units.
        width: Number of units K.
        seed: Seed of the new units' incoming weights. None makes these zero, for units
            that only fill up: with zeros on both sides, they never learn.

    Raises:
        PlanError: ``count`` is negative, or no whole number.
    """
    count = _whole("The number of new units", count)
    if count < 0:
        raise PlanError(f"Cannot add {shown(count)} units; remove them instead.")
    width = _width(_width(width) + count) - count
    rows = torch.eye(width + count, width)
    if seed is None:
        return Change(rows=rows, columns=rows.T)
    draws = torch.eye(width + count)[:, width:]
    return Change(rows=rows, columns=rows.T, draws=draws, seeds=_seeds(seed, count))


def split(units: Sequence[int], width: int) -> Change:
    r"""Give each of these of ``width`` units a twin; outputs stay equal (Net2Net).

    .. math:: h_{K+j} = h_i, \quad C_{ii} = C_{i,K+j} = 1/2

    Twins get equal gradients. They stay equal as long as nothing else, as noise or
    dropout, tells them apart. The noise that gSDE draws behind a twin is independent:
    the standard deviation of each falls to :math:`\sqrt{1/2}`, that of both together
    stays.

    Args:
        units: The units that get a twin, which is appended in this order.
        width: Number of units K.

    Raises:
        PlanError: A unit does not exist, or is named twice.
    """
    width = _width(width)
    parents = _checked(units, width)
    rows = torch.eye(width)[[*range(width), *parents]]
    return Change(rows=rows, columns=rows.T / rows.sum(0)[:, None])


def _seeds(seed: int, count: int) -> tuple[int, ...]:
    number = _whole("A seed", seed)
    try:
        generator = torch.Generator().manual_seed(number)
    except (OverflowError, RuntimeError, ValueError):
        raise PlanError(
            f"A seed must have at most 64 bits, got {shown(seed)}."
        ) from None
    return tuple(torch.randint(2**31, (count,), generator=generator).tolist())
