"""``sb3-prune card``: a run as a folder for the model hub, with a model card."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from sb3_prune.cli.folders import CardOptions
from sb3_prune.cli.parsing import parse
from sb3_prune.reporting import write_card


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SB3PruneError: The input is bad; nothing was written.
    """
    options = parse(CardOptions, arguments, "card")
    out = write_card(options.run, options.out or options.run / "hub")
    names = sorted(path.name for path in out.iterdir())
    print(f"{out} has {', '.join(names)}")
    line = shlex.join(["hf", "upload", "YOUR-NAME/MODEL", str(out)])
    print(f"Nothing was uploaded: {line}")
