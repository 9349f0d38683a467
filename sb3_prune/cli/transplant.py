"""``sb3-prune transplant``: carry an agent into other spaces or a bigger net."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sb3_prune.cli.compact import check_target, with_suffix
from sb3_prune.cli.environments import find_env
from sb3_prune.cli.lines import TransplantOptions
from sb3_prune.cli.pairs import parse_pairs
from sb3_prune.cli.parsing import parse
from sb3_prune.cli.places import find_surroundings
from sb3_prune.cli.zips import SavedAgent, read_zip
from sb3_prune.exceptions import ConfigError
from sb3_prune.runs.folder import write_model
from sb3_prune.transplanting import NewActions
from sb3_prune.transplanting.transplants import transplant_with_report

NEW = "new"
"""Stands for an entry that the old agent does not have."""


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SB3PruneError: The input is bad, and nothing was written.
    """
    options = parse(TransplantOptions, arguments, "transplant")
    torch.set_num_threads(1)
    out = _target(options)
    given: dict[str, Any] = _maps(options)
    rule = NewActions(rule=options.rule, of=options.of, probability=options.probability)
    saved = read_zip(options.model, options.algo)
    env = _environment(saved, options)
    model, report = transplant_with_report(
        saved.load(),
        env=env,
        net_arch=list(options.net_arch) or None,
        new_actions=rule,
        seed=options.seed,
        **given,
    )
    print(report)
    if out is not None:
        write_model(out, model)
        print(f"{out} is written")


def _target(options: TransplantOptions) -> Path | None:
    if (options.out is None) != options.dry_run:
        raise ConfigError("Give either --out, the zip to write, or --dry-run.")
    if options.out is None:
        return None
    out = with_suffix(options.out)
    check_target(out, overwrite=options.overwrite)
    return out


def _maps(options: TransplantOptions) -> dict[str, Any]:
    """Return the maps that the options give, or those of a file."""
    given = {"observations": options.observations, "actions": options.actions}
    found = {name: _indices(name, each) for name, each in given.items() if each}
    if options.map is None:
        return found
    if found:
        raise ConfigError("--map says all: give it without --observations, --actions.")
    try:
        read = json.loads(options.map.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"--map {options.map} cannot be read: {error}") from None
    if not isinstance(read, dict) or not read or set(read) - set(given):
        raise ConfigError(
            f"--map {options.map} must be an object with entries of "
            f"{', '.join(given)}, got {str(read)[:100]}."
        )
    return read


def _indices(name: str, given: Sequence[str]) -> list[int | None]:
    try:
        return [None if each == NEW else int(each) for each in given]
    except ValueError:
        raise ConfigError(
            f"--{name} takes old indices and '{NEW}', such as 0 1 {NEW} 2; got "
            f"{' '.join(given)[:100]}."
        ) from None


def _environment(saved: SavedAgent, options: TransplantOptions) -> Any:
    around = find_surroundings(saved.path)
    if around.statistics is not None:
        raise ConfigError(
            f"'{saved.path}' sees observations that '{around.statistics}' normalises: "
            "transplant it in Python, where both environments have VecNormalize."
        )
    env_id = options.env or around.env
    if env_id is None:
        raise ConfigError(
            f"--env is missing, and nothing beside '{saved.path}' names an environment."
        )
    kind = type(saved.data["action_space"])
    kwargs = parse_pairs("--env-kwargs", options.env_kwargs)
    return find_env(env_id, kwargs, lambda space: type(space) is kind).make(1)
