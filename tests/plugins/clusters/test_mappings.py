"""Linear and greedy mappings: optimality, scales, reflexive mappings."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sb3_prune_clusters.mappings import cross_distances, greedy, linear
from sb3_prune_clusters.projection import Floats, Projection, Units, side_by_side

from sb3_prune.exceptions import ConfigError, NonFiniteError

LENGTHS = [30, 50, 20]
Maker = Callable[[Units, Units], Projection]


def network(seed: int, widths: tuple[int, ...] = (12, 8, 6)) -> dict[str, Floats]:
    """Return the units of a random ReLU network on 100 inputs, alike for all seeds."""
    hidden = np.random.default_rng(0).normal(size=(100, 5))
    rng, layers = np.random.default_rng(seed), {}
    for i, width in enumerate(widths):
        weights = rng.normal(size=(hidden.shape[1], width))
        hidden = np.maximum(hidden @ weights + 0.5, 0)
        layers[f"layer.{i}"] = hidden
    return layers


def slow_distance(b: Floats, a: Floats, lengths: list[int]) -> float:
    """Eq. (2), number by number."""
    total, start = 0.0, 0
    for length in lengths:
        steps = range(start, start + length)
        total += sum((b[t] / b.max() - a[t] / a.max()) ** 2 for t in steps) ** 0.5
        start += length
    return float(total / len(lengths))


@pytest.mark.parametrize("lengths", [LENGTHS, None])
def test_greedy_takes_the_nearest(lengths: list[int] | None) -> None:
    source, target = network(1), network(2)
    found = greedy(source, target, lengths=lengths)
    B, A = side_by_side(source), side_by_side(target)
    for m, a in enumerate(A.T):
        far = [slow_distance(b, a, lengths or [100]) for b in B.T]
        assert found.matrix[:, m].tolist() == np.eye(26)[np.argmin(far)].tolist()


def test_cross_distances_by_hand() -> None:
    """Two episodes, of one and two steps: (1 + 5) / 2."""
    found = cross_distances([[1.0], [3.0], [0.0]], [[0.0], [0.0], [4.0]], [1, 2])
    assert found == pytest.approx(np.array([[3.0]]))


def test_linear_is_optimal_on_normalised_units() -> None:
    source, target = network(1), network(2)
    P = linear(source, target, penalty=2.0).matrix
    B, A = side_by_side(source), side_by_side(target)
    B, A = B / B.max(axis=0), A / A.max(axis=0)
    gradient = B.T @ (B @ P - A) + 2.0
    assert gradient.min() > -1e-6
    assert np.abs(gradient * P).max() < 1e-6


@pytest.mark.parametrize("made", [greedy, partial(linear, penalty=0)])
def test_reflexive(made: Maker) -> None:
    """Error 0, saturation 0, coverage 1: the paper's base line."""
    units = network(4)
    assert (side_by_side(units).max(axis=0) > 0).all()
    found = made(units, units)
    assert found.error(units, units) == pytest.approx(0, abs=1e-5)
    assert found.saturation() == pytest.approx(0, abs=1e-5)
    assert found.coverage() == pytest.approx(1, abs=1e-5)
    assert found.layer_matrix() == pytest.approx(np.eye(3), abs=1e-5)


def test_the_penalty_shrinks_reflexive_mappings() -> None:
    units = network(4)
    errors = [linear(units, units, penalty=p).error(units, units) for p in (0, 1, 5)]
    assert errors == sorted(errors)
    assert 0.01 < errors[-1] < 1
    everything = linear(units, units, penalty=1e6)
    assert not everything.matrix.any()
    assert everything.error(units, units) == 1


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([greedy, linear]))
def test_units_may_be_scaled(seed: int, made: Maker) -> None:
    """Powers of two, so that divisions are exact: the same map, rescaled."""
    source, target = network(1), network(2)
    rng = np.random.default_rng(seed)
    beta, alpha = np.exp2(rng.integers(-5, 6, (2, 26)).astype(float))
    found, other = (
        made(source, target),
        made(scaled(source, beta), scaled(target, alpha)),
    )
    assert (found.matrix == other.matrix).all()
    assert other.raw == pytest.approx(found.raw / beta[:, None] * alpha)


def scaled(units: dict[str, Floats], factors: Floats) -> dict[str, Floats]:
    parts = np.split(factors, np.cumsum([v.shape[1] for v in units.values()])[:-1])
    return {k: v * f for (k, v), f in zip(units.items(), parts, strict=True)}


@pytest.mark.parametrize("made", [greedy, linear])
def test_silent_units_have_no_projection(made: Maker) -> None:
    source, target = network(1), network(2)
    source["layer.0"][:, 4] = target["layer.1"][:, 3] = 0
    found = made(source, target)
    assert not found.matrix[4].any()
    assert not found.matrix[:, 12 + 3].any()
    assert not found.raw[4].any()
    assert np.isfinite(found.raw).all()


@pytest.mark.parametrize("made", [greedy, linear])
def test_silent_units_do_not_count(made: Maker) -> None:
    source, target = network(1), network(2)
    more = {"more": np.zeros((100, 7))}
    error = made(source, target).error(source, target)
    found = made(source | more, target | more)
    assert found.error(source | more, target | more) == pytest.approx(error)


@pytest.mark.parametrize("made", [greedy, linear])
def test_a_silent_source_projects_nothing(made: Maker) -> None:
    silent = {"layer": np.zeros((100, 4))}
    found = made(silent, network(1))
    assert found.matrix.shape == (4, 26)
    assert not found.matrix.any()


@pytest.mark.parametrize("lengths", [[], [99], [101, -1], [100, 0]])
def test_episodes_must_add_up(lengths: list[int]) -> None:
    with pytest.raises(ConfigError, match="add up to the 100 inputs"):
        greedy(network(1), network(2), lengths=lengths)


def test_inputs_must_be_shared() -> None:
    fewer = {"layer": np.ones((3, 2))}
    with pytest.raises(ConfigError, match="got 100 and 3"):
        linear(network(1), fewer)
    with pytest.raises(ConfigError, match="at least one"):
        linear({"layer": np.ones((0, 2))}, {"layer": np.ones((0, 2))})


def test_negative_units_are_refused() -> None:
    tanh = {"layer": np.full((100, 2), -0.5)}
    with pytest.raises(ConfigError, match=r"source is negative, -0.5.*ReLU"):
        greedy(tanh, network(1))


def test_nan_is_refused() -> None:
    broken = {"layer": np.full((100, 2), np.nan)}
    with pytest.raises(NonFiniteError, match="target"):
        greedy(network(1), broken)
