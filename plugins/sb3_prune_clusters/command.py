"""The command ``sb3-prune project``, as the host of plug-ins sees it."""

from __future__ import annotations

from collections.abc import Sequence

from sb3_prune.plugins import Command


class ProjectCommand(Command):
    """Predict the hidden units of one saved agent from those of another."""

    name = "project"

    def main(self, arguments: Sequence[str]) -> None:
        """Run the command.

        Raises:
            SB3PruneError: An option or a zip is invalid; nothing was written.
        """
        # `sb3-prune --help` lists this command, and needs no torch for that.
        from sb3_prune.cli.parsing import parse  # noqa: PLC0415
        from sb3_prune_clusters.projecting import ProjectOptions, run  # noqa: PLC0415

        run(parse(ProjectOptions, arguments, self.name))
