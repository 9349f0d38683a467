"""Error, saturation, coverage and layers against their equations, unit by unit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sb3_prune_clusters.metrics import (
    Floats,
    column_shares,
    coverage,
    layer_matrix,
    normalized_error,
    saturation,
)

from sb3_prune.exceptions import ConfigError

K, M = 4, 5
matrices = arrays(np.float64, (K, M), elements=st.just(0.0) | st.floats(1e-3, 10))


def slow_shares(P: Floats) -> list[list[float]]:
    """Return the columns, each divided by its sum."""
    columns = []
    for m in range(P.shape[1]):
        total = sum(P[:, m])
        columns.append([p / total if total else 0.0 for p in P[:, m]])
    return columns


def slow_entropy(shares: list[float]) -> float:
    return -sum(q * math.log(q, len(shares)) for q in shares if q > 0)


def slow_layers(P: Floats, source: list[int], target: list[int]) -> list[list[float]]:
    """Eq. (9), index by index."""
    columns = slow_shares(P)
    found = []
    for i, _ in enumerate(source):
        row = []
        for j, units in enumerate(target):
            mass = 0.0
            for m in range(sum(target[:j]), sum(target[: j + 1])):
                for k in range(sum(source[:i]), sum(source[: i + 1])):
                    mass += columns[m][k]
            row.append(mass / units)
        found.append(row)
    return found


@given(matrices)
def test_equal_the_equations(P: Floats) -> None:
    columns = slow_shares(P)
    assert saturation(P) == pytest.approx(sum(map(slow_entropy, columns)) / M)
    used = [column for column in columns if any(column)]
    kappa = [sum(c[k] for c in used) / max(len(used), 1) for k in range(K)]
    assert coverage(P) == pytest.approx(slow_entropy(kappa))
    assert layer_matrix(P, [1, 3], [2, 3]) == pytest.approx(
        np.array(slow_layers(P, [1, 3], [2, 3]))
    )


@given(matrices, st.permutations(range(K)), st.permutations(range(M)))
def test_laws(P: Floats, rows: list[int], columns: list[int]) -> None:
    """Between 0 and 1, whatever the order of the units or the scale of a column."""
    other = (P * np.linspace(0.5, 9, M))[rows][:, columns]
    for metric in (saturation, coverage):
        assert -1e-12 <= metric(P) <= 1 + 1e-12
        assert metric(other) == pytest.approx(metric(P))
    mass = layer_matrix(P, [2, 2], [M]).sum()
    assert mass == pytest.approx(P.any(axis=0).mean())


def test_identity_uses_every_unit_once() -> None:
    assert saturation(np.eye(7)) == 0
    assert coverage(np.eye(7)) == pytest.approx(1)
    assert layer_matrix(np.eye(7), [3, 4], [3, 4]).tolist() == [[1, 0], [0, 1]]


def test_one_source_for_all() -> None:
    P = np.zeros((3, 5))
    P[1] = 2
    assert saturation(P) == coverage(P) == 0


def test_all_read_all() -> None:
    P = np.full((3, 5), 0.2)
    assert saturation(P) == pytest.approx(1)
    assert coverage(P) == pytest.approx(1)


def test_by_hand() -> None:
    """Columns (1, 0), (1/2, 1/2) and an empty one; kappa = (3/4, 1/4)."""
    P = np.array([[3.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    assert saturation(P) == pytest.approx(1 / 3)
    assert coverage(P) == pytest.approx(-0.75 * math.log2(0.75) + 0.5)
    layers = layer_matrix(P, [1, 1], [1, 2])
    assert layers == pytest.approx(np.array([[1, 0.25], [0, 0.25]]))


@pytest.mark.parametrize("shape", [(1, 3), (3, 0), (0, 0)])
def test_too_few_units_have_no_entropy(shape: tuple[int, int]) -> None:
    assert saturation(np.ones(shape)) == coverage(np.ones(shape)) == 0


def test_tiny_numbers_are_shares_too() -> None:
    assert column_shares([[5e-324], [5e-324]]).tolist() == [[0.5], [0.5]]


def test_error_by_hand() -> None:
    target, predicted = [[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [5.0, 4.0]]
    assert normalized_error(target, predicted) == pytest.approx(3 / 10)
    assert normalized_error(target, target) == 0
    assert normalized_error(target, np.zeros((2, 2))) == 1


def test_error_without_a_target_is_refused() -> None:
    with pytest.raises(ConfigError, match="silent"):
        normalized_error(np.zeros((2, 2)), np.ones((2, 2)))


def test_error_of_other_shapes_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"\(2, 2\) and \(2, 3\)"):
        normalized_error(np.ones((2, 2)), np.ones((2, 3)))


@pytest.mark.parametrize("bad", [[[1.0, -1.0]], [[np.nan]], [1.0, 2.0]])
def test_no_projection_is_refused(bad: list[float]) -> None:
    with pytest.raises(ConfigError, match="without negative entries"):
        saturation(bad)


def test_layers_must_add_up() -> None:
    with pytest.raises(ConfigError, match="7 source and 3 target"):
        layer_matrix(np.eye(3), [3, 4], [3])
