"""Tests for figures.py."""

import numpy as np

from sb3_prune.analysis.figures import (
    draw_units,
    heading,
    label_layers,
    new_figure,
    shades,
    tidy,
)


def test_long_labels_are_tilted() -> None:
    axes = new_figure((4, 3)).add_subplot()
    names = [f"{net}.{i}" for net in ("actor.latent_pi", "critic.qf0") for i in (0, 2)]
    label_layers(axes, names)
    assert [t.get_rotation() for t in axes.get_xticklabels()] == [0] * 4
    label_layers(axes, [f"{name}{i}" for i in range(3) for name in names])
    assert {t.get_rotation() for t in axes.get_xticklabels()} == {35}


def test_a_single_network_has_numbers() -> None:
    axes = new_figure((4, 3)).add_subplot()
    label_layers(axes, ["net.0", "net.2"])
    assert [t.get_text() for t in axes.get_xticklabels()] == ["1", "2"]
    assert axes.get_xlabel() == "hidden layer"


def test_colours_differ() -> None:
    assert len(set(shades(6))) == 6
    assert len(shades(1)) == 1
    assert shades(0) == []


def test_figures_are_tidy() -> None:
    figure = new_figure((4, 3))
    axes = figure.add_subplot()
    tidy(axes)
    heading(figure, "Title")
    assert figure.get_suptitle() == "Title"
    assert not axes.spines["top"].get_visible()


def test_units_are_points_and_layers_lines() -> None:
    axes = new_figure((4, 3)).add_subplot()
    draw_units(axes, {"a.0": np.array([1.0, 3.0]), "a.2": np.array([2.0])})
    points, line, *_ = axes.collections
    assert points.get_offsets()[:, 1].tolist() == [1, 3]  # type: ignore[union-attr,index,call-overload]
    ((left, right),) = line.get_segments()  # type: ignore[attr-defined]
    assert left[1] == right[1] == 2
