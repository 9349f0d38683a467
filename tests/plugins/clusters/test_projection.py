"""A projection's own numbers, by hand: two source units, three target units."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sb3_prune_clusters.projection import Floats, Projection, normalize, side_by_side

from sb3_prune.exceptions import ConfigError

PROJECTION = Projection(
    matrix=np.array([[1.0, 0.5, 0.0], [0.0, 0.5, 0.0]]),
    source_maxima=np.array([2.0, 4.0]),
    target_maxima=np.array([3.0, 8.0, 0.0]),
    source_layers={"s0": 1, "s1": 1},
    target_layers={"t0": 1, "t1": 2},
)


def test_raw_takes_the_scales_back() -> None:
    """P_km = alpha_m / beta_k Pbar_km."""
    assert PROJECTION.raw.tolist() == [[1.5, 2, 0], [0, 1, 0]]


def test_apply() -> None:
    assert PROJECTION.apply([[2.0, 4.0], [1.0, 0.0]]).tolist() == [
        [3, 8, 0],
        [1.5, 2, 0],
    ]


def test_error_is_of_normalised_units() -> None:
    """Targets (1, 1/2); predicted (1/2, 3/4); the silent unit does not count."""
    source = {"s0": [[1.0]], "s1": [[4.0]]}
    target = {"t0": [[3.0]], "t1": [[4.0, 7.0]]}
    assert PROJECTION.error(source, target) == pytest.approx(0.75 / 1.5)


def test_error_of_silence_is_refused() -> None:
    with pytest.raises(ConfigError, match="silent"):
        PROJECTION.error({"s": [[1.0, 4.0]]}, {"t": [[0.0, 0.0, 7.0]]})


def test_metrics_are_of_the_normalised_map() -> None:
    """Columns (1, 0), (1/2, 1/2), (0, 0); kappa = (3/4, 1/4)."""
    assert PROJECTION.saturation() == pytest.approx(1 / 3)
    assert PROJECTION.coverage() == pytest.approx(0.811278, abs=1e-6)
    expected = np.array([[1, 0.25], [0, 0.25]])
    assert PROJECTION.layer_matrix() == pytest.approx(expected)


def test_a_silent_source_unit_sends_nothing() -> None:
    found = Projection(
        matrix=np.array([[1.0], [0.0]]),
        source_maxima=np.array([2.0, 0.0]),
        target_maxima=np.array([1.0]),
        source_layers={"s": 2},
        target_layers={"t": 1},
    )
    assert found.raw.tolist() == [[0.5], [0]]
    assert found.apply([[1.0, 9.0]]).tolist() == [[0.5]]


def test_to_dict_is_json() -> None:
    read = json.loads(json.dumps(PROJECTION.to_dict()))
    assert read == {
        "matrix": [[1, 0.5, 0], [0, 0.5, 0]],
        "source_maxima": [2, 4],
        "target_maxima": [3, 8, 0],
        "source_layers": {"s0": 1, "s1": 1},
        "target_layers": {"t0": 1, "t1": 2},
    }


def test_side_by_side_keeps_the_order() -> None:
    units = {"b": np.ones((2, 1)), "a": np.zeros((2, 2))}
    assert side_by_side(units).tolist() == [[1, 0, 0]] * 2


@given(arrays(np.float64, (4, 3), elements=st.floats(0, 1e300)))
def test_normalized_units_reach_one(units: Floats) -> None:
    """Or stay zero, even if their largest is tiny beyond 1 / x."""
    maxima = units.max(axis=0)
    found = normalize(units, maxima)
    assert found.max(axis=0).tolist() == (maxima > 0).astype(float).tolist()
