"""The abstract analysis: it looks at a recording and answers with numbers and a plot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from sb3_prune.analysis.recording import Recording
from sb3_prune.pluggable import Pluggable


class Result(ABC):
    """What an analysis found."""

    @abstractmethod
    def to_dict(self) -> Mapping[str, Any]:
        """Return the numbers, JSON-able."""

    @abstractmethod
    def plot(self) -> Figure:
        """Draw them."""


class Analysis(Pluggable):
    """Analyses an agent's hidden units.

    Plug-ins register analyses by the hook ``register_analyses``.
    """

    @abstractmethod
    def analyze(self, recording: Recording) -> Result:
        """Return what the recording of an agent shows."""
