"""Numbers as people read them: few digits, and no exponents where it can be."""

from __future__ import annotations

NOTICED, EXACT = 1e-4, 1e15
"""Smaller and larger numbers have an exponent; all digits of a larger one are noise."""


def number(value: float) -> str:
    """Return a number with four significant digits, all those before the point kept."""
    if NOTICED <= abs(value) < 1000:  # noqa: PLR2004
        return f"{value:,.4g}"
    if abs(value) >= EXACT:
        return f"{value:.3e}"
    value = value or 0.0  # Not "-0".
    return f"{value:,.0f}" if abs(value) >= 1 or not value else f"{value:.1e}"


def between(low: float, high: float) -> str:
    """Return an interval."""
    return f"{number(low)} to {number(high)}"


def change(before: float, after: float) -> str:
    """Return by how much something has changed, in per cent.

    Only what is gone has changed by 100 %, so what is nearly gone has more digits.
    """
    texts = [f"{after / before - 1:+.{digits}%}" for digits in (1, 2, 3, 4)]
    gone = (text for text in texts if not after or not text.startswith("-100"))
    return next(gone, texts[-1]).replace("%", " %")
