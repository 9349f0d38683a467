"""Loops over some axes of a tensor, inside loops over the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sb3_prune_export.c.views import View

OUTER = ("i", "j", "k", "l", "m")
INNER = ("p", "q", "r", "s", "t")
"""Variables of the axes that stay, and of those that are walked inside."""


@dataclass(frozen=True)
class Axes:
    """Some axes of tensors with equal numbers of axes: variables, sizes and strides."""

    variables: tuple[str, ...]
    """A loop variable for each axis."""
    sizes: tuple[int, ...]
    """Turns of each loop."""
    numbers: tuple[int, ...]
    """Which axes they are."""

    def place(self, view: View) -> str:
        """Return the index of a number of a tensor, as far as these axes go."""
        strides = [view.strides[axis] for axis in self.numbers]
        return place(self.variables, self.sizes, strides)


def place(
    variables: Sequence[str], sizes: Sequence[int], strides: Sequence[int]
) -> str:
    """Return the index at which loops over these sizes find a number."""
    terms = [
        variable if stride == 1 else f"{stride} * {variable}"
        for variable, size, stride in zip(
            variables[: len(sizes)], sizes, strides, strict=True
        )
        if size > 1 and stride
    ]
    return " + ".join(terms) or "0"


def split(view: View, inner: Sequence[int] | int | None) -> tuple[Axes, Axes]:
    """Return the axes that stay and those that are walked inside, without length 1.

    Args:
        view: A tensor.
        inner: Axes, counted from either end; none or an empty list are all.
    """
    rank = len(view.shape)
    given = [inner] if isinstance(inner, int) else list(inner or range(rank))
    chosen = {axis % rank for axis in given}
    wide = [axis for axis in range(rank) if view.shape[axis] != 1]
    kept = tuple(axis for axis in wide if axis not in chosen)
    walked = tuple(axis for axis in wide if axis in chosen)
    sizes = view.shape
    return (
        Axes(OUTER[: len(kept)], tuple(sizes[a] for a in kept), kept),
        Axes(INNER[: len(walked)], tuple(sizes[a] for a in walked), walked),
    )
