"""Curves as PNG."""

from pathlib import Path

import pytest
from PIL import Image

from sb3_prune.plots import plot_learning, plot_widths
from sb3_prune.plots.curves import canvas, mark


def test_learning_curves_are_pictures(tmp_path: Path) -> None:
    path = tmp_path / "learning.png"
    plot_learning(
        path, [0, 10, 20], [0.1, 0.5, 0.9], ylabel="success", target=0.9, marks={"a": 5}
    )
    with Image.open(path) as picture:
        assert picture.width > 400
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 10


def test_labels_of_events_are_below_all_values() -> None:
    figure, axes = canvas("title", "success")
    axes.plot([0, 5, 5, 10], [0.9, 1.0, 0.0, 0.9], marker="o", markersize=3)
    mark(axes, {"merge": 5})
    figure.canvas.draw()
    lowest = axes.transData.transform((5, 0))[1]
    assert axes.texts[0].get_window_extent().y1 < lowest


def test_units_may_share_the_axis_of_steps(tmp_path: Path) -> None:
    plain, both = tmp_path / "plain.png", tmp_path / "both.png"
    plot_learning(plain, [0, 10], [0.1, 0.9], ylabel="success")
    units = [(0, 8), (5, 4), (10, 4)]
    plot_learning(both, [0, 10], [0.1, 0.9], ylabel="success", units=units)
    assert plain.read_bytes() != both.read_bytes()


def test_width_curves_are_pictures(tmp_path: Path) -> None:
    path = tmp_path / "widths.png"
    history = [
        {"timesteps": 0, "units": {"a": 8, "b": 8}},
        {"timesteps": 50, "units": {"a": 4, "b": 6}},
    ]
    plot_widths(path, history)
    first = path.read_bytes()
    plot_widths(path, [history[0], {"timesteps": 50, "units": {"a": 1, "b": 6}}])
    assert path.read_bytes() != first


def test_a_failed_plot_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "learning.png"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="dimension"):
        plot_learning(path, [0, 1], [0.1], ylabel="success")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["learning.png"]
