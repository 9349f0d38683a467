"""Tests for plots/screening.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sb3_prune.plots.groups import Spread
from sb3_prune.plots.screening import entropy_figure, threshold_figure


def test_thresholds_have_curves_bands_and_levels() -> None:
    x = [1.0, 1.1, 1.2]
    train = Spread(x=x, middle=[1e-3, 2e-3, 0], low=[0, 1e-3, 0], high=[2e-3] * 3)
    test = Spread(x=x, middle=[1e-3, 1e-3, 0])
    plain = {"train": 1e-3, "test": 2e-3}
    figure = threshold_figure({"train": train, "test": test}, plain, 1.1)
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["train"].get_ydata()) == [1, 2, 0]
    assert set(lines["test, without screening"].get_ydata()) == {2}
    assert len(axes.collections) == 1
    assert list(axes.lines[-1].get_xdata()) == [1.1, 1.1]
    assert axes.get_xlabel() == "threshold" and axes.get_ylim()[0] == 0


@pytest.mark.parametrize("kind", [list, np.array])
def test_successes_are_marked(kind: Any) -> None:
    successes = kind([False, True, True])
    figure = entropy_figure([1.0, 1.2, 1.4], [9, 5, 3], successes, 1.1)
    (axes,) = figure.axes
    marked = {each.get_label(): each.get_offsets() for each in axes.collections}
    assert {label: len(found) for label, found in marked.items()} == {
        "no success (1)": 1,
        "success (2)": 2,
    }
    assert axes.texts[0].get_text() == " 1.1"


@pytest.mark.parametrize("success", [True, False])
def test_all_may_be_of_one_kind(success: bool) -> None:
    figure = entropy_figure([1.0], [9], [success], 1.1)
    assert sum(len(each.get_offsets()) for each in figure.axes[0].collections) == 1
