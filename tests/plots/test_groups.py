"""Tests for plots/groups.py."""

from __future__ import annotations

import pytest

from sb3_prune.plots.groups import MARKERS, Spread, front_figure, spread_figure
from sb3_prune.plots.legends import MOST


def test_lines_have_bands_where_they_are_known() -> None:
    line = Spread(x=[0, 10], middle=[1, 2], low=[0, 1], high=[2, 3])
    point = Spread(x=[0], middle=[1], low=[0], high=[2])
    alone = Spread(x=[0, 10], middle=[1, 2])
    (axes,) = spread_figure({"a": line, "b": point, "c": alone}, ylabel="y").axes
    assert [drawn.get_label() for drawn in axes.lines] == ["a", "b", "c"]
    assert len(axes.collections) == 2
    assert axes.lines[1].get_marker() == MARKERS[1]


def test_the_front_is_filled_and_joined() -> None:
    groups = {
        label: Spread(x=[x], middle=[y], each=[(x, y)])
        for label, x, y in (("big", 100, 9), ("bad", 50, 1), ("small", 10, 5))
    }
    figure = front_figure(groups, ["big", "small"], xlabel="x", ylabel="y")
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    drawn = {line.get_label(): line for line in axes.lines}
    assert drawn["Pareto front"].get_xydata().tolist() == [[10, 5], [100, 9]]
    faces = {label: drawn[label].get_markerfacecolor() for label in groups}
    assert [label for label, face in faces.items() if face == "white"] == ["bad"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [2, 4, 8, 20])
@pytest.mark.parametrize("words", [1, 30])
def test_axes_keep_their_size_whatever_the_names_are(rows: int, words: int) -> None:
    names = [f"{i} {' '.join(['setting=1.5'] * words)}" for i in range(rows)]
    groups = {name: Spread(x=[1], middle=[2]) for name in names}
    drawn = [
        spread_figure(groups, ylabel="y"),
        front_figure(groups, names[:1], xlabel="x", ylabel="y"),
    ]
    for figure in drawn:
        figure.draw_without_rendering()
        (axes,) = figure.axes
        size = axes.get_window_extent()
        assert size.width > 5.5 * figure.dpi and size.height > 2.8 * figure.dpi
        below = [each.get_window_extent() for each in figure.legends]
        assert bool(below) == (words > 1 or rows > MOST)
        assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in below)
        assert all(box.y0 >= 0 and box.y1 < size.y0 for box in below)


def test_more_groups_than_colours_can_be_drawn() -> None:
    groups = {str(i): Spread(x=[i + 1], middle=[i]) for i in range(23)}
    assert len(spread_figure(groups, ylabel="y").axes[0].lines) == 23
