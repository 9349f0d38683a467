"""Tests for screening/drawing.py."""

from __future__ import annotations

import numpy as np

from sb3_prune.screening.drawing import plot_runs, plot_sweep
from sb3_prune.screening.sweep import sweep_thresholds
from screening.tabled import FIVE, drawn


def test_the_sweep_is_drawn() -> None:
    found = sweep_thresholds(drawn(100, 0), drawn(100, 100), window=50, step=0.05)
    (axes,) = plot_sweep(found).axes
    lines = {line.get_label(): line for line in axes.lines}
    for label, curve in (("training", found.train), ("held-out", found.test)):
        line = lines[f"{label} seeds"]
        np.testing.assert_allclose(line.get_ydata(), 1_000 * curve.efficiency)
        np.testing.assert_allclose(line.get_xdata(), found.thresholds)
    assert axes.texts[0].get_text() == f" {found.chosen:g}"


def test_runs_are_drawn() -> None:
    (axes,) = plot_runs(FIVE, 1.1, "gradient entropy").axes
    assert axes.get_xlabel() == "gradient entropy"
    assert [len(each.get_offsets()) for each in axes.collections] == [2, 3]
