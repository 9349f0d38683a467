"""The abstract exporter: writes an agent's decision in a form for deployment."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from sb3_prune.exporting.asking import Agent
from sb3_prune.exporting.program import Decision
from sb3_prune.plugins.options import options_of
from sb3_prune.plugins.pluggable import Pluggable
from sb3_prune.plugins.registry import base_of

SUFFIX = re.compile(r"(\.\w+)+")
"""What the suffix of a file looks like."""
TAKEN = ("model", "to", "path", "vecnormalize", "env", "outputs", "overwrite")
"""Arguments of :func:`~sb3_prune.exporting.exports.export`."""


@base_of("exporters")
class Exporter(Pluggable):
    """Writes an agent's decision as a file or a folder, and loads it again.

    Plug-ins register exporters through the hook ``register_exporters``. What they write
    is compared with the agent, and appears under its name only if it acts equally.
    """

    suffix: ClassVar[str]
    """Suffix of the file, e.g. ``.onnx``; empty if :meth:`write` makes a folder."""

    @classmethod
    def broken_rules(cls) -> Iterator[str]:
        """Yield what is wrong with the suffix or the names of options."""
        suffix = getattr(cls, "suffix", None)
        if not isinstance(suffix, str) or (suffix and not SUFFIX.fullmatch(suffix)):
            yield f"its suffix is {suffix!r}, expected '.onnx' or so, '' for a folder"
        if taken := [f.name for f in options_of(cls.Config) if f.name in TAKEN]:
            yield f"export has arguments of its own called {', '.join(taken)}"

    @property
    def dynamic(self) -> bool:
        """Whether it wants a program for batches of any size, not only of 1."""
        return False

    @property
    def rounds(self) -> bool:
        """Whether weights are rounded after the check; the file says what that does."""
        return False

    @abstractmethod
    def write(self, decision: Decision, path: Path, facts: Mapping[str, Any]) -> None:
        """Write the export.

        Args:
            decision: The agent's decision.
            path: File to write, or an empty folder. Its name is a temporary one.
            facts: What the export should say of itself, as values that JSON can hold:
                ``name`` is its name, ``check`` how it was checked; this is None when it
                is written for the first time, to be checked.

        Raises:
            ExportError: It cannot express an operation, or is too large.
        """

    @classmethod
    @abstractmethod
    def load(cls, path: Path) -> Agent:
        """Load what :meth:`write` wrote, with the facts that it got.

        Raises:
            ExportError: The file is damaged, or something to run it is missing.
        """

    @classmethod
    @abstractmethod
    def wrote(cls, path: Path) -> bool:
        """Tell whether a file or folder looks like one of this exporter."""
