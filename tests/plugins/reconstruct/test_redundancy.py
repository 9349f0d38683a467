"""Tests for redundancy.py."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from recording.made import make_recording, random_recording
from sb3_prune_reconstruct import Redundancy, redundancy
from sb3_prune_reconstruct.redundancy import RedundancyConfig

from sb3_prune.exceptions import ConfigError
from sb3_prune.recording import Recording

Floats = NDArray[np.float64]


def mixed(steps: int = 50) -> Recording:
    """Return five units: three independent ones and two that mix them, plus noise."""
    rng = np.random.default_rng(0)
    free = rng.normal(size=(1, steps, 3)) * [3, 1, 0.3] + [5, 0, -2]
    others = free @ rng.normal(size=(3, 2)) + 7
    hidden = np.concatenate([free, others], axis=2)
    hidden += 0.02 * rng.normal(size=hidden.shape)
    return make_recording(**{"net.0": hidden})


def left(hidden: Floats, kept: list[int]) -> float:
    """Return the relative error of a regression of all units on some, directly."""
    x = np.concatenate([hidden[:, kept], np.ones((len(hidden), 1))], axis=1)
    found = np.linalg.lstsq(x, hidden, rcond=None)[0]
    centred = hidden - hidden.mean(axis=0)
    return float(np.linalg.norm(hidden - x @ found) / np.linalg.norm(centred))


def test_errors_are_those_of_a_direct_regression() -> None:
    recording = mixed()
    hidden = recording.steps("net.0").astype(float)
    found = Redundancy().analyze(recording).to_dict()
    order, errors = found["order"]["net.0"], found["left"]["net.0"]
    assert sorted(order) == list(range(5))
    direct = [left(hidden, order[:k]) for k in range(6)]
    np.testing.assert_allclose(errors, direct, atol=1e-6)
    for error in RedundancyConfig().errors:
        needed = found["units needed"]["net.0"][f"error ≤ {100 * error:g}%"]
        assert direct[needed] <= error < direct[needed - 1]
    assert found["units needed"]["net.0"]["error ≤ 5%"] == 3
    assert found["units needed"]["net.0"]["units"] == 5


def test_more_units_and_larger_errors_never_need_more(recording: Recording) -> None:
    result = Redundancy(RedundancyConfig(errors=(0.5, 0.001, 0.1))).analyze(recording)
    assert result.errors == (0.001, 0.1, 0.5)
    for name, ranking in result.rankings.items():
        assert (ranking.errors.diff() <= 0).all()
        *needed, units = result.needed()[name].values()
        assert needed == sorted(needed, reverse=True)
        assert needed[0] <= units


def test_dead_and_constant_layers_need_no_unit() -> None:
    constant = np.tile([0.1, 0.7, 3e4], (2, 4, 1))
    step = np.zeros((2, 4, 3))
    step[0, 0] = 1
    layers = {"dead": 0 * constant, "constant": constant, "one": constant + step}
    found = Redundancy().analyze(make_recording(**layers)).to_dict()["units needed"]
    assert found["dead"]["error ≤ 1%"] == found["constant"]["error ≤ 1%"] == 0
    assert found["one"]["error ≤ 1%"] == 1


def test_units_count_after_the_end_of_an_episode_no_more() -> None:
    """The zeros after the end would make two equal units of a constant layer."""
    made = make_recording([2, 4], layer=np.ones((2, 4, 3)))
    result = Redundancy().analyze(made)
    assert result.steps == 6
    assert result.needed()["layer"]["error ≤ 1%"] == 0


def test_of_many_steps_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    recording = mixed(2000)
    every = Redundancy().analyze(recording)
    monkeypatch.setattr(redundancy, "STEPS", 500)
    some, again = (Redundancy().analyze(recording) for _ in range(2))
    assert (every.steps, some.steps) == (2000, 500)
    assert some.to_dict() == again.to_dict()
    assert some.needed() == every.needed()
    np.testing.assert_allclose(
        some.rankings["net.0"].errors, every.rankings["net.0"].errors, atol=0.02
    )


def test_numbers_are_plain_and_the_figure_has_all_layers(recording: Recording) -> None:
    result = Redundancy().analyze(recording)
    found = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert set(found) == {"steps", "units needed", "order", "left"}
    figure = result.plot()
    figure.canvas.draw()
    curves, bars = figure.axes
    assert [line.get_label() for line in curves.lines] == ["layer 1", "layer 2"]
    heights = [bar.get_height() for bar in bars.patches]
    needed = [list(row.values()) for row in result.needed().values()]
    assert heights[:2] == [row[-1] for row in needed]
    assert heights[-2:] == [row[-2] for row in needed]


@pytest.fixture
def recording() -> Recording:
    """Return five episodes of two ReLU layers; some units are silent."""
    return random_recording()


@pytest.mark.parametrize("errors", [(), (0.0,), (0.1, 1.0), (float("nan"),)])
def test_bad_errors_are_refused(errors: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=r"\(0, 1\), got"):
        RedundancyConfig(errors=errors)
