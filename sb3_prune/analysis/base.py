"""The abstract analysis: it looks at a recording and finds numbers and a picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure, FigureBase

from sb3_prune.analysis.figures import heading, new_figure
from sb3_prune.plugins.pluggable import Pluggable
from sb3_prune.plugins.registry import base_of
from sb3_prune.recording.recording import Recording


class Result(ABC):
    """What an analysis found."""

    title: str
    """Title of the figure."""
    figsize: tuple[float, float] = (7.0, 3.6)
    """Width and height of the figure in inches; wide ones are compared in rows."""

    @abstractmethod
    def to_dict(self) -> Mapping[str, Any]:
        """Return the numbers, JSON-able."""

    @abstractmethod
    def draw(self, figure: FigureBase) -> None:
        """Draw them into an empty figure or a part of one, without its title."""

    def plot(self) -> Figure:
        """Return a figure of them."""
        figure = new_figure(self.figsize)
        heading(figure, self.title)
        self.draw(figure)
        return figure


@base_of("analyses")
class Analysis(Pluggable):
    """Analyses an agent's hidden units.

    Plug-ins register analyses by the hook ``register_analyses``.
    """

    @abstractmethod
    def analyze(self, recording: Recording) -> Result:
        """Return what the recording of an agent shows."""
