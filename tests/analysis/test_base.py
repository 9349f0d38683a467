"""Tests for base.py: an analysis of a few lines."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from matplotlib.figure import FigureBase
from recording.made import random_recording

from sb3_prune.analysis import Analysis, Result
from sb3_prune.recording import Recording


@dataclass(frozen=True)
class Count(Result):
    """The number of layers."""

    layers: int
    title = "Layers"
    figsize = (3.0, 2.0)

    def to_dict(self) -> Mapping[str, int]:
        return {"layers": self.layers}

    def draw(self, figure: FigureBase) -> None:
        figure.subplots().bar([0], [self.layers])


class Counting(Analysis):
    """Count layers."""

    name = "counting"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Nothing."""

    def analyze(self, recording: Recording) -> Count:
        return Count(len(recording.activations))


def test_results_plot_what_they_draw() -> None:
    result = Counting().analyze(random_recording())
    assert result.to_dict() == {"layers": 2}
    figure = result.plot()
    assert figure.get_size_inches().tolist() == [3, 2]
    assert figure.get_suptitle() == "Layers"
    assert len(figure.axes) == 1


def test_abstract_classes_cannot_be_built() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Result()  # type: ignore[abstract]
    with pytest.raises(TypeError, match="abstract"):
        Analysis()  # type: ignore[abstract]
