"""``sb3-prune export``: write an agent's whole decision for where there is no SB3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.cli.lines import ExportOptions
from sb3_prune.cli.options import PlayOptions
from sb3_prune.cli.pairs import parse_pairs
from sb3_prune.cli.parsing import parse
from sb3_prune.cli.places import maker_for
from sb3_prune.cli.zips import SavedAgent, read_zip
from sb3_prune.exceptions import ConfigError
from sb3_prune.exporting.checks import Check
from sb3_prune.exporting.exports import export, exporter_class
from sb3_prune.exporting.facts import compared
from sb3_prune.exporting.targets import check_path
from sb3_prune.plugins.options import build


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SB3PruneError: The input is bad, or the export would act differently; nothing
            was written.
    """
    options = parse(ExportOptions, arguments, "export")
    _check(options)
    chosen = parse_pairs("--option", options.option)
    exporter = build(exporter_class(options.to), chosen)
    out = _out(options, exporter.suffix)
    target = check_path(out, exporter, overwrite=options.overwrite)
    saved = read_zip(options.model, options.algo)
    model = saved.load()
    check = export(
        model,
        options.to,
        target,
        vecnormalize=options.vecnormalize,
        env=_env(saved, options),
        outputs=options.outputs,
        overwrite=options.overwrite,
        **chosen,
    )
    print(f"{target} is written: load it by sb3_prune.load_export")
    print(_checked(type(model.action_space).__name__, check, rounded=exporter.rounds))


def _check(options: ExportOptions) -> None:
    """Refuse what is missing, or would be ignored."""
    if options.vecnormalize is None:
        raise ConfigError(
            "--vecnormalize must be given: a file of VecNormalize, or none. A zip does "
            "not say whether its agent was trained on normalised observations."
        )
    found = {"--env-kwargs": options.env_kwargs or None, "--seed": options.seed}
    given = [name for name, value in found.items() if value is not None]
    if given and options.env is None:
        raise ConfigError(
            f"{' and '.join(given)} must come with --env: without an environment no "
            "episodes are compared."
        )


def _checked(space: str, check: Check, *, rounded: bool) -> str:
    found = check.to_dict()
    before = "Before its weights were rounded, it" if rounded else "It"
    after = " What rounding does stands in the file." if rounded else ""
    return (
        f"{before} was checked on {found['observations']} observations "
        f"({', '.join(check.sources)}):\n{compared(space, found)}.{after}"
    )


def _out(options: ExportOptions, suffix: str) -> Path:
    if options.out is not None:
        return options.out
    stem = options.model.name.removesuffix(".zip")
    return options.model.with_name(f"{stem}{suffix or '_export'}")


def _env(saved: SavedAgent, options: ExportOptions) -> VecEnv | None:
    """Make the environment without the normalisation that is a part of the export."""
    if options.env is None:
        return None
    found = PlayOptions(env=options.env, env_kwargs=options.env_kwargs)
    maker = maker_for(saved, found)
    raw = replace(maker, around=replace(maker.around, statistics=None))
    return raw.make(1, options.seed or 0)
