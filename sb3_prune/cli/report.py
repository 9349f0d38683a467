"""``sb3-prune report``: finished runs as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from sb3_prune.cli.folders import ReportOptions
from sb3_prune.cli.parsing import parse
from sb3_prune.exceptions import ConfigError, RunFolderError
from sb3_prune.reporting import write_report

SUFFIXES = (".html", ".htm")


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SB3PruneError: The input is bad; nothing was written.
    """
    options = parse(ReportOptions, arguments, "report")
    if not options.runs:
        raise ConfigError("RUN... is missing. See sb3-prune report --help.")
    first, *others = options.runs
    out = options.out or (first.absolute().parent if others else first) / "report.html"
    if out.suffix not in SUFFIXES:
        raise ConfigError(f"--out must end with .html, got '{out}'.")
    if out.exists() and not options.overwrite:
        raise RunFolderError(
            f"'{out}' exists: choose another file by --out, or pass --overwrite."
        )
    size = write_report(options.runs, out).stat().st_size
    print(f"{out} is written ({size / 2**10:,.0f} KiB): open it in any browser")
