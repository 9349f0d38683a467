"""Distances against eq. (2), pair by pair and episode by episode."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sb3_prune_clusters.distances import (
    Array,
    all_distances,
    largest,
    layer_distances,
    unit_distances,
    upper,
)
from sb3_prune_clusters.norms import Matrix

from sb3_prune.exceptions import ConfigError, NonFiniteError

values = st.just(0.0) | st.floats(0.125, 8, width=32)
recordings = arrays(np.float32, (3, 4, 5), elements=values)


def slow(layer: Array) -> Matrix:
    """Eq. (2) as it is written."""
    episodes, _, units = layer.shape
    z = layer.astype(np.float64)
    Z = [abs(z[:, :, i]).max() for i in range(units)]
    found = np.zeros((units, units))
    for i in range(units):
        for j in range(units):
            for e in range(episodes):
                a = z[e, :, i] / Z[i] if Z[i] else np.zeros_like(z[e, :, i])
                b = z[e, :, j] / Z[j] if Z[j] else np.zeros_like(z[e, :, j])
                found[i, j] += np.sqrt(((a - b) ** 2).sum()) / episodes
    return found


@given(recordings)
def test_equal_the_equation(layer: Array) -> None:
    np.testing.assert_allclose(unit_distances(layer), slow(layer), atol=1e-6)


def test_a_case_by_hand() -> None:
    # Two episodes of two steps; Z = (2, 4); unit 2 is silent.
    layer = np.array([[[2, 4, 0], [0, 4, 0]], [[2, 0, 0], [2, 0, 0]]], np.float32)
    found = unit_distances(layer)
    assert found[0, 1] == pytest.approx((1 + 2**0.5) / 2)
    assert found[0, 2] == pytest.approx((1 + 2**0.5) / 2)
    assert found[1, 2] == pytest.approx((2**0.5 + 0) / 2)


@given(recordings, st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_are_a_pseudometric_free_of_scale(layer: Array, seed: int) -> None:
    found = unit_distances(layer)
    assert (found == found.T).all()
    assert (np.diagonal(found) == 0).all()
    through = (found[:, :, None] + found[None]).min(axis=1)
    assert (found <= through + 1e-6).all()
    rng = np.random.default_rng(seed)
    louder = layer * np.exp2(rng.integers(-3, 4, 5)).astype(np.float32)
    np.testing.assert_allclose(unit_distances(louder), found, atol=1e-6)
    order = rng.permutation(3)
    np.testing.assert_allclose(unit_distances(layer[order]), found, atol=1e-6)


def test_are_exact_for_units_that_are_nearly_equal() -> None:
    rng = np.random.default_rng(0)
    base = rng.random((20, 60, 1), dtype=np.float32)
    noise = rng.uniform(-1, 1, (20, 60, 7)) * [0, 0, 1e-7, 1e-6, 1e-5, 1e-3, 1]
    layer = np.maximum(base + noise, 0).astype(np.float32)
    # Some episodes are equal, others are not: no mean hides the error.
    layer[:10, :, 6] = layer[:10, :, 0]
    np.testing.assert_allclose(unit_distances(layer), slow(layer), atol=1e-6, rtol=0)


def test_silent_units_are_the_zero_vector() -> None:
    layer = np.random.default_rng(0).random((3, 5, 4), dtype=np.float32)
    layer[:, :, [1, 3]] = 0
    found = unit_distances(layer)
    assert found[1, 3] == 0
    scaled = layer[:, :, 0] / layer[:, :, 0].max()
    assert found[0, 1] == pytest.approx(np.linalg.norm(scaled, axis=1).mean(), abs=1e-6)


def test_a_layer_of_silent_units_has_no_distances() -> None:
    assert not unit_distances(np.zeros((2, 3, 4), np.float32)).any()


def test_negative_activations_count_by_magnitude() -> None:
    layer = np.array([[[-4.0, 1.0], [2.0, -0.5]]], np.float32)
    assert largest(layer).tolist() == [4, 1]
    assert unit_distances(layer)[0, 1] == pytest.approx(np.sqrt(2**2 + 1**2))


def test_layers_are_blocks_of_all() -> None:
    draw = np.random.default_rng(0).random
    layers = {
        name: draw((4, 6, k), dtype=np.float32) for name, k in [("a", 3), ("b", 5)]
    }
    everything, each = all_distances(layers), layer_distances(layers)
    assert everything.shape == (8, 8)
    np.testing.assert_allclose(everything[:3, :3], each["a"], atol=1e-6)
    np.testing.assert_allclose(everything[3:, 3:], each["b"], atol=1e-6)


def test_upper_names_every_pair_once() -> None:
    assert upper(np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0.0]])).tolist() == [1, 2, 3]


def test_other_episodes_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"same episodes.*\(2, 3, 4\), \(3, 3, 4\)"):
        unit_distances(np.ones((2, 3, 4), np.float32), np.ones((3, 3, 4), np.float32))
    with pytest.raises(ConfigError, match="same episodes"):
        unit_distances()
    with pytest.raises(ConfigError, match="same episodes"):
        unit_distances(np.ones((0, 3, 4), np.float32))


def test_nan_is_refused() -> None:
    layer = np.ones((2, 3, 4), np.float32)
    layer[1, 2, 3] = np.nan
    with pytest.raises(NonFiniteError, match=r"\[3\]"):
        unit_distances(layer)
