"""The abstract command: a subcommand of ``sb3-prune`` that a plug-in brings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from sb3_prune.plugins.pluggable import Pluggable
from sb3_prune.plugins.registry import base_of


@base_of("commands")
class Command(Pluggable):
    """A subcommand of ``sb3-prune``, such as ``sb3-prune project``.

    Its ``name`` is what users type, the first line of its docstring stands in
    ``sb3-prune --help``. It parses its own arguments, so it has no options as a
    plug-in class. Plug-ins register commands by the hook ``register_commands``.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """A command has no options before it is run."""

    @abstractmethod
    def main(self, arguments: Sequence[str]) -> None:
        """Run the command.

        Args:
            arguments: What stands behind the command's name; ``--help`` explains it.

        Raises:
            SB3PruneError: The input is bad; the message is shown without a traceback.
        """
