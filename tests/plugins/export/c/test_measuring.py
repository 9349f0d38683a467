"""Tests for sb3_prune_export/c/measuring.py."""

from __future__ import annotations

import numpy as np
import zoo
from sb3_prune_export.c.measuring import difference, examples, in_words

from sb3_prune.exporting.tracing import trace


def test_examples_fit_every_input() -> None:
    decision = trace(zoo.trained("RecurrentPPO"))
    first, second = examples(decision, 2)
    for port, array, other in zip(decision.inputs, first, second, strict=True):
        assert (array.shape, array.dtype) == ((1, *port.shape), port.dtype)
        assert port.kind == "episode_start" or (array != other).any()


def test_numbers_differ_by_an_amount_and_choices_by_a_share() -> None:
    one, other = np.array([[0.0], [1.0]]), np.array([[0.5], [1.0]])
    assert difference(one, other) == {"largest": 0.5, "mean": 0.25}
    assert difference(one > 0, other > 0) == {"share": 0.5}


def test_the_error_is_told_in_words() -> None:
    assert "at most 0.5" in in_words({"largest": 0.5, "mean": 0.1, "observations": 9})
    assert "12.5% of the choices" in in_words({"share": 0.125, "observations": 9})
