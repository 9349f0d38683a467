"""``sb3-prune plugins``: list the plug-ins and what they provide."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from sb3_prune.cli.lines import PluginsOptions
from sb3_prune.cli.parsing import parse
from sb3_prune.plugins import installed
from sb3_prune.plugins.info import PluginInfo


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    options = parse(PluginsOptions, arguments, "plugins")
    found = installed()
    if options.json:
        print(json.dumps([asdict(info) for info in found], indent=2))
        return
    for info in found:
        print("\n".join(_lines(info)))


def _lines(info: PluginInfo) -> list[str]:
    origin = f"{info.distribution} {info.version}".strip() or "added by hand"
    lines = [f"{info.name}  {origin}  {info.status}"]
    if info.reason:
        lines.append(f"    {info.reason}")
    for kind, names in info.registered.items():
        lines.append(f"    {kind}: {', '.join(names)}")
    return lines
