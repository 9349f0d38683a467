"""Charts: curves in panels above each other, with one axis of environment steps.

Only the geometry is computed here; the templates write it as SVG.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

from sb3_prune.reporting.scales import Scale

WIDTH, PANEL, GAP = 640, 190, 34
"""Width of a chart, height of a panel, and what is left free between panels."""
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 24, 44
"""Margins around the panels."""
COLOURS = 8
"""Number of colours in the style sheet; further lines are dashed."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A curve, with a band if intervals are known."""

    series: int
    """Number of what it shows; equal in all panels of a chart."""
    x: Sequence[float]
    """Environment steps."""
    y: Sequence[float]
    """Values there."""
    low: Sequence[float] = ()
    """Lower end of each interval; empty if it is not known everywhere."""
    high: Sequence[float] = ()
    """Upper end of each interval."""
    stepped: bool = False
    """Whether a value holds until the next one."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Lines that share both axes."""

    title: str
    """What the values are."""
    lines: Sequence[Line]
    """The lines; at least one, with at least one point."""
    zero: bool = False
    """Whether the axis of the values begins at 0."""
    percent: bool = False
    """Whether the values are shares."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Panels above each other."""

    title: str
    """What the chart shows, for those who do not see it."""
    names: Sequence[str]
    """Name of every series."""
    panels: Sequence[Panel]
    """The panels, from top to bottom."""
    marks: Mapping[str, float] = field(default_factory=dict)
    """Label of an event -> its environment step."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        count = len(self.panels)
        return WIDTH, TOP + count * PANEL + (count - 1) * GAP + BOTTOM

    @cached_property
    def steps(self) -> Scale:
        """The common axis of environment steps."""
        known = [x for panel in self.panels for line in panel.lines for x in line.x]
        first, last = min(known), max(known)
        return Scale(first, max(last, first + 1), LEFT, WIDTH - RIGHT)

    def drawn(self) -> list[dict[str, Any]]:
        """Return for each panel its place, its ticks, and its lines as SVG paths."""
        return [self._drawn(panel, number) for number, panel in enumerate(self.panels)]

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers and the axis, for those who point at the chart."""
        return {
            "axis": [self.steps.low, self.steps.high, LEFT, WIDTH - RIGHT],
            "names": list(self.names),
            "panels": [
                {
                    "title": panel.title,
                    "percent": panel.percent,
                    "lines": [
                        {
                            "series": line.series,
                            "x": list(line.x),
                            "y": list(line.y),
                            "stepped": line.stepped,
                        }
                        for line in panel.lines
                    ],
                }
                for panel in self.panels
            ],
        }

    def _drawn(self, panel: Panel, number: int) -> dict[str, Any]:
        top = TOP + number * (PANEL + GAP)
        values = [v for line in panel.lines for v in (*line.y, *line.low, *line.high)]
        scale = Scale.around(values, top + PANEL, top, zero=panel.zero)
        return {
            "title": panel.title,
            "top": top,
            "bottom": top + PANEL,
            "ticks": scale.labels(percent=panel.percent),
            "lines": [self._path(line, scale) for line in panel.lines],
        }

    def _path(self, line: Line, scale: Scale) -> dict[str, Any]:
        points = self._points(line.x, line.y, scale)
        corners = _corners(points) if line.stepped else points
        band = self._points(line.x, line.low, scale)
        band += reversed(self._points(line.x, line.high, scale))
        return {
            "series": line.series,
            "colour": line.series % COLOURS,
            "dashed": line.series // COLOURS % 2 == 1,
            "path": _svg(corners),
            "band": f"{_svg(band)}Z" if band else "",
            "dots": [] if line.stepped else points,
        }

    def _points(
        self, x: Sequence[float], y: Sequence[float], scale: Scale
    ) -> list[tuple[float, float]]:
        """Return the places of the values; none if there are no values."""
        pairs = zip(x, y, strict=True) if y else ()
        return [(self.steps.place(a), scale.place(b)) for a, b in pairs]


def _corners(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the corners of a staircase on which each value holds to the next point."""
    turns = [p for (_, y), (x, z) in pairwise(points) for p in ((x, y), (x, z))]
    return [points[0], *turns]


def _svg(points: Sequence[tuple[float, float]]) -> str:
    """Return an SVG path of straight lines through points."""
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
