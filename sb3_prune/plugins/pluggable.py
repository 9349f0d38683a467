"""The common face of everything a plug-in can register."""

from __future__ import annotations

import inspect
from abc import ABC
from typing import Any, ClassVar


class Pluggable(ABC):  # its subclasses have the abstract methods
    """A class that describes itself, so that commands and errors can name it.

    The first line of its docstring is its summary in listings.

    Args:
        config: An instance of ``Config``; its defaults if None.
    """

    name: ClassVar[str]
    """Name to find it by, in kebab-case."""
    reference: ClassVar[str] = ""
    """Paper and equation."""
    Config: ClassVar[type[Any]]
    """Frozen keyword-only dataclass of its options, a docstring under each field."""

    def __init__(self, config: Any = None) -> None:
        self.config = self.Config() if config is None else config

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the docstring."""
        return (inspect.getdoc(cls) or "").partition("\n")[0]
