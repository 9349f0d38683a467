"""Scales: where numbers lie on an axis, and round numbers to label it with.

Matplotlib chooses them; it is imported when something is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from sb3_prune.reporting.numbers import EXACT

LARGE = 10_000
"""Numbers from here on are labelled with k and M, up to ``EXACT``."""


@dataclass(frozen=True)
class Scale:
    """A linear axis from ``first`` to ``last``, in the units of a drawing."""

    low: float
    """Number at ``first``."""
    high: float
    """Number at ``last``, above ``low``."""
    first: float
    """Where the axis begins."""
    last: float
    """Where it ends; it may run upwards or downwards."""

    @classmethod
    def around(
        cls, values: Sequence[float], first: float, last: float, *, zero: bool = False
    ) -> Scale:
        """Return an axis on which all values lie, with a little room.

        Args:
            values: The values; at least one.
            first: Where the axis begins.
            last: Where it ends.
            zero: Whether it begins at 0 in any case.
        """
        low, high = min(values), max(values)
        if low == high:
            half = max(0.5, 1e-6 * abs(low))
            low, high = low - half, high + half
        room = 0.04 * (high - low)
        return cls(0.0 if zero else low - room, high + room, first, last)

    def place(self, value: float) -> float:
        """Return where a number lies."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.first + share * (self.last - self.first), 1)

    @cached_property
    def ticks(self) -> list[float]:
        """Round numbers on the axis."""
        from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

        found = MaxNLocator(nbins=5).tick_values(self.low, self.high)
        return [float(value) for value in found if self.low <= value <= self.high]

    def labels(self, *, percent: bool = False) -> list[tuple[float, str]]:
        """Return the places of the ticks and their text, shares as per cent."""
        from matplotlib.ticker import EngFormatter  # noqa: PLC0415

        largest = max(map(abs, self.ticks), default=0.0)
        # Ticks are round numbers: these digits let no two of them look the same.
        text: Callable[[float], str] = "{:,.10g}".format
        if percent:
            text = "{:.4g} %".format
        elif largest >= EXACT:
            text = "{:.4g}".format
        elif largest >= LARGE:
            text = EngFormatter(sep="")
        factor = 100 if percent else 1
        return [(self.place(value), text(value * factor)) for value in self.ticks]
