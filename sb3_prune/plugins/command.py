"""The abstract command: a subcommand of ``sb3-prune`` that a plug-in provides."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from sb3_prune.plugins.pluggable import Pluggable
from sb3_prune.plugins.registry import base_of


@base_of("commands")
class Command(Pluggable):
    """A subcommand of ``sb3-prune``, such as ``sb3-prune project``.

    Users type its ``name``, and ``sb3-prune --help`` shows the first line of its
    docstring. A command parses its own arguments, so its ``Config`` is empty. Plug-ins
    register commands through the hook ``register_commands``.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Empty, because a command parses its own arguments."""

    @abstractmethod
    def main(self, arguments: Sequence[str]) -> None:
        """Run the command.

        Args:
            arguments: The arguments after the name of the command. The command should
                explain them for ``--help``.

        Raises:
            SB3PruneError: The input is bad; users see the message without a traceback.
        """
