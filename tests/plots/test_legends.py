"""Tests for plots/legends.py."""

from __future__ import annotations

from sb3_prune.plots.curves import canvas
from sb3_prune.plots.legends import LONG, MOST, add_legend


def texts(*labels: str) -> tuple[list[str], list[str]]:
    """Return the texts of a legend within the axes, and of one below them."""
    figure, axes = canvas("title", "y")
    for label in labels:
        axes.plot([0, 1], label=label)
    add_legend(figure, axes)
    inside = axes.get_legend()
    both = [[inside] if inside else [], figure.legends]
    within, below = ([t.get_text() for x in b for t in x.get_texts()] for b in both)
    return within, below


def test_few_short_names_stand_within_the_axes() -> None:
    names = [str(i) for i in range(MOST)]
    assert texts(*names) == (names, [])
    assert texts("x" * LONG) == (["x" * LONG], [])


def test_many_names_or_long_ones_stand_below() -> None:
    many = [str(i) for i in range(MOST + 1)]
    assert texts(*many) == ([], many)
    long = "x" * (LONG + 1)
    assert texts("a", long) == ([], ["a", long])


def test_very_long_names_are_wrapped_between_words() -> None:
    _, (text,) = texts(" ".join(["timesteps=2048"] * 20))
    assert text.count("\n") >= 2 and text.split() == ["timesteps=2048"] * 20
    _, (text,) = texts("x" * 300)
    assert text.count("\n") >= 2


def test_lines_of_a_name_count_and_stay_lines() -> None:
    few, many = ("\n".join(map(str, range(n))) for n in (MOST, MOST + 1))
    assert texts(few) == ([few], [])
    assert texts(many) == ([], [many])


def test_no_names_no_legend() -> None:
    assert texts() == ([], [])
