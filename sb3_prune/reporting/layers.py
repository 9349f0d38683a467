"""Layers: the hidden layers of an agent as grids of dots, one dot per unit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

DOTS = 256
"""Largest number of dots of a layer; in larger ones a dot stands for several units."""
ROWS, PITCH = 16, 8
"""Dots above each other, and the distance between dots."""


@dataclass(frozen=True, kw_only=True)
class LayerPicture:
    """A hidden layer before and after: how many units stay, not which."""

    name: str
    """Name in the network."""
    before: int
    """Number of units at the start."""
    after: int
    """Number of units at the end."""

    @property
    def grown(self) -> bool:
        """Whether it has more units than it had."""
        return self.after > self.before

    @property
    def each(self) -> int:
        """Number of units for which a dot stands."""
        return max(1, -(-max(self.before, self.after) // DOTS))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        dots = -(-max(self.before, self.after) // self.each)
        return (-(-dots // ROWS)) * PITCH, min(dots, ROWS) * PITCH

    def paths(self) -> dict[str, str]:
        """Return an SVG path through the dots that stay, are gone, and are new."""
        before, after = -(-self.before // self.each), -(-self.after // self.each)
        kept = min(before, after)
        spans = {
            "kept": (0, kept),
            "gone": (kept, before),
            "new": (kept, after),
        }
        return {name: _dots(*span) for name, span in spans.items()}


def pictures(
    before: Mapping[str, int], after: Mapping[str, int]
) -> dict[str, list[LayerPicture]]:
    """Return the pictures of all layers by network, in the order of the layers.

    Args:
        before: Layer name -> units at the start.
        after: Layer name -> units at the end; 0 for a layer that is gone.
    """
    networks: dict[str, list[LayerPicture]] = defaultdict(list)
    for name in dict.fromkeys([*before, *after]):
        network, _, layer = name.rpartition(".")
        networks[network or "network"].append(
            LayerPicture(
                name=layer, before=before.get(name, 0), after=after.get(name, 0)
            )
        )
    return dict(networks)


def _dots(start: int, stop: int) -> str:
    """Return lines of no length, which round caps make dots."""
    return "".join(f"M{x} {y}h0" for x, y in _places(start, stop))


def _places(start: int, stop: int) -> Iterator[tuple[int, int]]:
    for dot in range(start, stop):
        column, row = divmod(dot, ROWS)
        yield column * PITCH + PITCH // 2, row * PITCH + PITCH // 2
