"""Tests for activation_entropy.py."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from recording.made import make_recording, random_recording
from sb3_prune_screening import ActivationEntropy
from sb3_prune_screening.activation_entropy import ActivationEntropyConfig
from sb3_prune_screening.histograms import HistogramConfig, entropies

from sb3_prune.exceptions import ConfigError, NonFiniteError


def test_entropies_by_hand() -> None:
    """Two bins; what comes after the end of an episode does not count."""
    units = [[[0, 0], [1, 0], [9, 9]], [[0, 0], [1, 4], [9, 9]]]
    recording = make_recording([2, 2], a=units, b=np.zeros((2, 3, 1)))
    config = ActivationEntropyConfig(bins=2, base=2)
    found = ActivationEntropy(config).analyze(recording)
    quarter = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))
    assert found.units["a"] == pytest.approx([1, quarter])
    assert found.units["b"] == pytest.approx([0])
    one_of_eight = -(7 / 8 * math.log2(7 / 8) + 1 / 8 * math.log2(1 / 8))
    assert found.layers == pytest.approx({"a": one_of_eight, "b": 0})
    one_of_12 = -(11 / 12 * math.log2(11 / 12) + 1 / 12 * math.log2(1 / 12))
    assert found.pooled == pytest.approx(one_of_12)


def test_it_is_drawn_and_stored() -> None:
    recording = random_recording()
    result = ActivationEntropy().analyze(recording)
    stored = json.loads(json.dumps(result.to_dict()))
    expected = entropies(recording.steps("net.0"), HistogramConfig())
    assert stored["units"]["net.0"] == pytest.approx(expected.tolist())
    (axes,) = result.plot().get_axes()
    assert axes.get_ylabel() == "entropy"


def test_constant_units_have_no_width() -> None:
    with pytest.raises(NonFiniteError, match="constant"):
        ActivationEntropy(ActivationEntropyConfig(width_term=True)).analyze(
            random_recording()
        )


@pytest.mark.parametrize("bad", [{"bins": 1}, {"base": 1.0}, {"width_term": 2}])
def test_options_are_checked(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        ActivationEntropyConfig(**bad)
