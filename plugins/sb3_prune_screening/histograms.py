"""Histograms: entropies of histograms over the range of the data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sb3_prune.exceptions import (
    ConfigError,
    NonFiniteError,
    require_at_least,
    require_finite,
    require_flag,
    require_one_of,
)

Floats = NDArray[np.float64]
Values = NDArray[np.float64] | NDArray[np.float32]
Pooling = Literal["pooled", "layer", "unit"]
"""What has a histogram of its own."""


@dataclass(frozen=True, kw_only=True)
class HistogramConfig:
    """How values of hidden units become an entropy."""

    bins: int = 7
    """Bins of equal width over the range of the data; the entropy is at most
    log(bins)."""
    pooling: Pooling = "pooled"
    """``pooled``: one histogram of all units; ``layer`` and ``unit``: one for each
    layer or unit, of whose entropies the mean is taken."""
    base: float = math.e
    """Base of the logarithm: e for nats, 2 for bits."""
    width_term: bool = False
    """Whether to add the logarithm of the bins' width (Wallis 2006), which makes the
    entropy that of a density. It depends on the scale of the data, and constant data
    have none."""

    def __post_init__(self) -> None:
        require_at_least("bins", self.bins, 2)
        require_one_of("pooling", self.pooling, get_args(Pooling))
        require_base(self.base)
        require_flag("width_term", self.width_term)


def require_base(base: float) -> None:
    """Check that a number can be the base of a logarithm.

    Raises:
        ConfigError: It is not finite, or at most 1.
    """
    require_finite("base", base)
    if base <= 1:
        raise ConfigError(f"base must be more than 1, got {base!r}.")


def entropy_of(values: Mapping[str, Values], config: HistogramConfig) -> float:
    """Return the entropy of the values of hidden units.

    Args:
        values: Layer name -> (rows, units).
        config: Bins, pooling, base and width term.

    Raises:
        NonFiniteError: A value is NaN or infinite, or constant values have no width.
    """
    if config.pooling == "unit":
        found = [entropies(array, config, name) for name, array in values.items()]
        return float(np.concatenate(found).mean())
    columns = {name: array.reshape(-1, 1) for name, array in values.items()}
    if config.pooling == "pooled":
        columns = {"all layers": np.concatenate(list(columns.values()))}
    found = [entropies(array, config, name) for name, array in columns.items()]
    return float(np.concatenate(found).mean())


def entropies(values: Values, config: HistogramConfig, name: str = "it") -> Floats:
    r"""Return the entropy of the histogram of each column, (columns,).

    .. math:: H = - \sum_b p_b \log p_b \; (+ \log w)

    The bins b have the width w = (largest - smallest) / bins. A constant column is in
    one bin.

    Args:
        values: (rows, columns).
        config: Bins, base and width term; pooling does not matter here.
        name: What the columns are, for error messages.

    Raises:
        NonFiniteError: A value is NaN or infinite, or constant values have no width.
    """
    if not np.isfinite(values).all():
        raise NonFiniteError(f"Values of {name} are NaN or infinite.")
    exact = values.astype(np.float64)  # A span of float32 may overflow.
    low = exact.min(axis=0)
    span: Floats = exact.max(axis=0) - low
    counts = _counts(exact - low, span, config.bins)
    shares = counts / len(values)
    logs = np.log(shares, where=shares > 0, out=np.zeros_like(shares))
    found: Floats = np.abs((shares * logs).sum(axis=1))  # abs: no -0.0.
    if config.width_term:
        if not span.all():
            raise NonFiniteError(
                f"Entropies of {name} are minus infinity with width_term=True: "
                f"{int((span == 0).sum())} of {len(span)} are constant."
            )
        found = found + np.log(span / config.bins)
    return found / math.log(config.base)


def _counts(above: Floats, span: Floats, bins: int) -> NDArray[np.int64]:
    """Return the histogram of each column, (columns, bins)."""
    columns = above.shape[1]
    # Multiplied first: 1 / 49 * 49 is less than 1, and 49 whole numbers have 49 bins.
    place = (above * bins / np.where(span == 0, 1, span)).astype(np.int64)
    place = place.clip(max=bins - 1) + np.arange(columns) * bins
    return np.bincount(place.ravel(), minlength=columns * bins).reshape(columns, bins)
