"""The abstract analysis: turns a recording into numbers and a figure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sb3_prune.analysis.figures import heading, new_figure
from sb3_prune.plugins.pluggable import Pluggable
from sb3_prune.plugins.registry import base_of
from sb3_prune.recording.recording import Recording

if TYPE_CHECKING:
    from matplotlib.figure import Figure, FigureBase


class Result(ABC):
    """The numbers that an analysis found, and how to draw them."""

    title: str
    """Title of the figure."""
    figsize: tuple[float, float] = (7.0, 3.6)
    """Width and height of the figure in inches. A :class:`Comparison` puts wide figures
    below each other and others side by side."""

    @abstractmethod
    def to_dict(self) -> Mapping[str, Any]:
        """Return the numbers, as values that JSON can store."""

    @abstractmethod
    def draw(self, figure: FigureBase) -> None:
        """Draw the numbers, without a title, into an empty figure or a part of one."""

    def plot(self) -> Figure:
        """Return a figure of the numbers, with a title."""
        figure = new_figure(self.figsize)
        heading(figure, self.title)
        self.draw(figure)
        return figure


@base_of("analyses")
class Analysis(Pluggable):
    """Analyses the activations of an agent's hidden units.

    Plug-ins register analyses through the hook ``register_analyses``.
    """

    @abstractmethod
    def analyze(self, recording: Recording) -> Result:
        """Return the result for the recording of one agent."""
