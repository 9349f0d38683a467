"""The common base class of everything that a plug-in can register."""

from __future__ import annotations

import inspect
from abc import ABC
from collections.abc import Iterator
from typing import Any, ClassVar

from sb3_prune.exceptions import ConfigError, PluginError, shown


class Pluggable(ABC):  # its subclasses have the abstract methods
    """A class with a name, a summary and options, for listings and error messages.

    The first line of its docstring is the summary.

    Args:
        config: An instance of ``Config``; None takes the defaults.

    Raises:
        PluginError: The class has no ``Config``.
        ConfigError: ``config`` is something else.
    """

    name: ClassVar[str]
    """Name in configurations and on the command line, in kebab-case."""
    reference: ClassVar[str] = ""
    """Paper and equation that the class implements."""
    Config: ClassVar[type[Any]]
    """Frozen keyword-only dataclass of the options, with a string below each field."""

    def __init__(self, config: Any = None) -> None:
        if not hasattr(self, "Config"):
            raise PluginError(
                f"{type(self).__name__} has no Config: give it a frozen dataclass of "
                "its options, which may be empty."
            )
        if not (config is None or isinstance(config, self.Config)):
            raise ConfigError(
                f"{type(self).__name__} takes an instance of {self.Config.__name__}, "
                f"got {shown(config)}. Where '{self.name}' stands for the class, "
                "options may be a mapping."
            )
        self.config = self.Config() if config is None else config

    @classmethod
    def broken_rules(cls) -> Iterator[str]:
        """Yield the rules that a class breaks, beside those of all plug-ins."""
        yield from ()

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the docstring."""
        return (inspect.getdoc(cls) or "").partition("\n")[0]
