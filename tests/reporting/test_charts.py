"""Tests for reporting/charts.py."""

from __future__ import annotations

import json

import pytest

from sb3_prune.reporting.charts import COLOURS, LEFT, RIGHT, WIDTH, Chart, Line, Panel


def chart(*lines: Line) -> Chart:
    panel = Panel(title="units", lines=lines, zero=True)
    names = [str(i) for i in range(len(lines))]
    return Chart(title="A chart", names=names, panels=[panel, panel])


def test_panels_share_one_axis_of_steps() -> None:
    drawn = chart(Line(series=0, x=[0, 50, 100], y=[1, 2, 3]))
    first, second = drawn.drawn()
    places = [[x for x, _ in panel["lines"][0]["dots"]] for panel in (first, second)]
    middle = (LEFT + WIDTH - RIGHT) / 2
    assert places == [[LEFT, middle, WIDTH - RIGHT]] * 2
    assert first["bottom"] < second["top"] and second["bottom"] < drawn.size[1]


def test_larger_values_are_higher() -> None:
    (line,) = chart(Line(series=0, x=[0, 1], y=[1, 2])).drawn()[0]["lines"]
    (_, low), (_, high) = line["dots"]
    assert high < low
    assert line["path"].startswith("M") and line["band"] == ""


def test_a_band_goes_there_and_back() -> None:
    sure = Line(series=0, x=[0, 1], y=[1, 2], low=[0, 1], high=[2, 3])
    (line,) = chart(sure).drawn()[0]["lines"]
    corners = line["band"].removeprefix("M").removesuffix("Z").split("L")
    assert len(corners) == 4
    assert corners[0].split()[0] == corners[-1].split()[0]


def test_a_stepped_line_holds_its_value() -> None:
    (line,) = chart(Line(series=0, x=[0, 5, 10], y=[9, 3, 3], stepped=True)).drawn()[0][
        "lines"
    ]
    corners = [each.split() for each in line["path"].removeprefix("M").split("L")]
    assert [x for x, _ in corners][1:3] == [corners[1][0]] * 2
    assert corners[0][1] == corners[1][1] != corners[2][1]
    assert line["dots"] == []


@pytest.mark.parametrize("x", [[0], [7, 7]])
def test_without_steps_there_is_still_an_axis(x: list[float]) -> None:
    drawn = chart(Line(series=0, x=x, y=[1.0] * len(x))).drawn()
    assert all(place >= LEFT for place, _ in drawn[0]["lines"][0]["dots"])


def test_more_lines_than_colours_are_dashed() -> None:
    lines = [Line(series=i, x=[0, 1], y=[i, i]) for i in range(COLOURS + 1)]
    found = chart(*lines).drawn()[0]["lines"]
    assert [line["dashed"] for line in found] == [False] * COLOURS + [True]
    assert found[-1]["colour"] == found[0]["colour"]


def test_the_numbers_go_along() -> None:
    content = json.loads(
        json.dumps(chart(Line(series=0, x=[0, 1], y=[2, 3])).to_dict())
    )
    assert content["panels"][0]["lines"][0]["y"] == [2, 3]
    assert content["axis"] == [0, 1, LEFT, WIDTH - RIGHT]
