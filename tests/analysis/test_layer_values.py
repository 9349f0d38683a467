"""Tests for layer_values.py."""

import json
from itertools import pairwise

from sb3_prune.analysis import LayerValues


def make(**kwargs: object) -> LayerValues:
    values = {"net.0": {"low": 0.25, "high": 0.5}, "net.2": {"low": 0.0, "high": 1.0}}
    arguments = {"title": "Shares", "ylabel": "share", "values": values, **kwargs}
    return LayerValues(**arguments)  # type: ignore[arg-type]


def test_numbers_are_given_back() -> None:
    result = make()
    assert result.series == ["low", "high"]
    assert json.loads(json.dumps(result.to_dict())) == result.values


def test_bars_are_as_high_as_the_numbers() -> None:
    axes = make().plot().axes[0]
    heights = [[bar.get_height() for bar in group] for group in axes.containers]
    assert heights == [[0.25, 0.0], [0.5, 1.0]]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["low", "high"]


def test_nothing_to_see_is_said() -> None:
    axes = make(values={"net.0": {"low": 0.0}}, percent=True).plot().axes[0]
    assert [text.get_text() for text in axes.texts] == ["0 in every layer"]
    assert axes.get_ylim() == (0, 1)
    assert not make().plot().axes[0].texts


def test_bars_do_not_overlap() -> None:
    axes = make().plot().axes[0]
    edges = sorted((b.get_x(), b.get_x() + b.get_width()) for b in axes.patches)
    assert all(a[1] < b[0] for a, b in pairwise(edges))


def test_shares_are_per_cent() -> None:
    axes = make(percent=True).plot().axes[0]
    assert axes.yaxis.get_major_formatter()(0.5) == "50%"


def test_nothing_can_be_drawn() -> None:
    result = make(values={})
    assert result.to_dict() == {}
    result.plot()
