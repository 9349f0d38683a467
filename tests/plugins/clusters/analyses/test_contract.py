"""Every analysis keeps the contract of the registry and plots what it finds."""

import json

import numpy as np
import pytest
from recording.made import make_recording, random_recording
from sb3_prune_clusters import analyses
from sb3_prune_reconstruct import Redundancy

from sb3_prune.analysis import Analysis, compare
from sb3_prune.plugins.registry import check_class
from sb3_prune.recording import Recording

ALL = [cls for cls in vars(analyses).values() if isinstance(cls, type)]
ALL += [Redundancy]


@pytest.mark.parametrize("cls", ALL)
def test_it_may_be_registered(cls: type[Analysis]) -> None:
    check_class("analyses", cls)
    assert cls.reference


@pytest.mark.parametrize("cls", ALL)
def test_numbers_are_plain_and_figures_are_drawn(
    cls: type[Analysis], recording: Recording
) -> None:
    result = cls().analyze(recording)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))
    figure = result.plot()
    figure.canvas.draw()
    assert figure.axes
    assert figure.get_suptitle()


@pytest.mark.slow
@pytest.mark.parametrize("cls", ALL)
def test_agents_are_compared(cls: type[Analysis]) -> None:
    made = {str(seed): random_recording(seed) for seed in range(3)}
    figure = compare(made, cls()).plot()
    figure.canvas.draw()
    assert [part.get_suptitle() for part in figure.subfigs] == ["0", "1", "2"]


@pytest.mark.parametrize("cls", ALL)
def test_dead_and_tiny_layers_are_no_trouble(cls: type[Analysis]) -> None:
    dead = [[[0, 0, 0], [0, 0, 0]]]
    made = make_recording(dead=dead, single=[[[1], [2]]], pair=[[[1, 2], [2, 1]]])
    result = cls().analyze(made)
    json.dumps(result.to_dict(), allow_nan=False)
    result.plot().canvas.draw()


@pytest.mark.parametrize("cls", ALL)
def test_recordings_stay_as_they_are(cls: type[Analysis], recording: Recording) -> None:
    before = {name: array.copy() for name, array in recording.activations.items()}
    cls().analyze(recording)
    for name, array in before.items():
        assert (recording.activations[name] == array).all()


@pytest.mark.parametrize("cls", ALL)
def test_an_agent_that_never_speaks_is_analysed(cls: type[Analysis]) -> None:
    """No division by zero, in any analysis."""
    silent = Recording(
        activations={"a.0": np.zeros((3, 5, 4), np.float32)},
        observations=np.zeros((3, 5, 2), np.float32),
        rewards=np.zeros((3, 5), np.float32),
        lengths=np.full(3, 5),
    )
    result = cls().analyze(silent)
    result.plot()
    json.dumps(result.to_dict())
