"""Tests for figures.py."""

from sb3_prune.analysis.figures import heading, label_layers, new_figure, shades, tidy


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
