"""Tests for comparison.py."""

import numpy as np
import pytest
from recording.made import random_recording

from sb3_prune.analysis import Comparison, LayerValues, compare
from sb3_prune.exceptions import ConfigError, PluginError
from sb3_prune.recording import Recording

from .test_base import Counting


def values(**layers: float) -> LayerValues:
    made = {name: {"x": value} for name, value in layers.items()}
    return LayerValues(title="Title", ylabel="", values=made)


def test_every_recording_is_analysed() -> None:
    recordings = {"trained": random_recording(), "random": random_recording(1)}
    found = compare(recordings, Counting())
    assert found.to_dict() == {"trained": {"layers": 2}, "random": {"layers": 2}}
    assert list(found.results) == ["trained", "random"]


def test_parts_are_named_and_on_one_scale() -> None:
    found = Comparison(results={"one": values(a=1, b=2), "two": values(a=8, b=3)})
    figure = found.plot()
    assert figure.get_suptitle() == "Title"
    assert [part.get_suptitle() for part in figure.subfigs] == ["one", "two"]
    limits = [axes.get_ylim() for axes in figure.axes]
    assert limits[0] == limits[1]
    assert limits[0][1] >= 8


def test_agents_of_different_depth_are_compared_too() -> None:
    found = Comparison(results={"one": values(a=1), "two": values(a=8, b=3)})
    assert len(found.plot().axes) == 2


@pytest.mark.parametrize(
    ("size", "expected"), [((4.0, 3.0), (4 * 2 * 0.8, 3)), ((9.0, 3.0), (9, 6))]
)
def test_wide_figures_are_put_below_each_other(
    size: tuple[float, float],
    expected: tuple[float, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(LayerValues, "figsize", size)
    found = Comparison(results={"one": values(a=1), "two": values(a=2)})
    assert found.figsize == pytest.approx(expected)
    assert found.plot().get_size_inches() == pytest.approx(expected)


def test_there_must_be_something_to_compare() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        compare({}, Counting())


@pytest.mark.parametrize("found", [None, 3.0, {"a": 1}])
def test_what_is_no_result_is_refused_by_name(
    found: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Counting, "analyze", lambda *_: found)
    with pytest.raises(PluginError, match=r"'counting' returns .* a Result"):
        compare({"agent": random_recording()}, Counting())


def test_an_analysis_that_works_in_place_falsifies_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def in_place(_: Counting, recording: Recording) -> None:
        for array in (*recording.activations.values(), recording.rewards):
            np.subtract(array, array.mean(), out=array)

    monkeypatch.setattr(Counting, "analyze", in_place)
    with pytest.raises(ValueError, match="read-only"):
        compare({"agent": random_recording()}, Counting())
