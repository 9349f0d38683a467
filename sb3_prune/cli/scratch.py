"""``sb3-prune scratch``: train a small dense agent, as small as a pruned one."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from sb3_prune.cli.lines import ScratchOptions
from sb3_prune.cli.parsing import parse
from sb3_prune.cli.places import announce, check_elsewhere, maker_for
from sb3_prune.cli.running import Run
from sb3_prune.cli.zips import SavedAgent, read_zip
from sb3_prune.exceptions import ConfigError
from sb3_prune.runs.finished import damage
from sb3_prune.runs.folder import CONFIG, config_of
from sb3_prune.scratch import from_scratch


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SB3PruneError: The input is bad; nothing was written.
    """
    options = parse(ScratchOptions, arguments, "scratch")
    options.check()
    torch.set_num_threads(options.threads)
    saved = read_zip(options.model, options.algo)
    check_elsewhere(saved, options.vecnormalize, options.out)
    changes = _changes(options, saved)
    options = _as_trained(options, saved, changes)
    maker = maker_for(saved, options)
    maker = replace(maker, around=replace(maker.around, anew=True))
    env = maker.make(options.n_envs, options.seed)
    pruned = saved.load(env, device=options.device)
    run = Run(
        command="scratch",
        arguments=arguments,
        options=options,
        algorithm=saved.algorithm.name,
        model=from_scratch(pruned, env, seed=options.seed, **changes),
        maker=maker,
        strategy=None,
    )
    announce(maker, options)
    _announce(run)
    print("\n".join([*run.carry_out().lines(), f"{'folder':<18} {options.out}"]))


def _announce(run: Run) -> None:
    """Say on stderr for how long the agent trains, and on what rewards."""
    print(
        f"sb3-prune: training for {run.options.timesteps:,} steps, environments: "
        f"{run.options.n_envs}",
        file=sys.stderr,
    )
    if (statistics := run.model.get_vec_normalize_env()) is not None:
        scaled = "scaled" if statistics.norm_reward else "not scaled"
        print(
            f"sb3-prune: statistics begin anew, rewards are {scaled}", file=sys.stderr
        )


def _changes(options: ScratchOptions, saved: SavedAgent) -> dict[str, Any]:
    """Return the arguments of the algorithm that replace those of the pruned agent."""
    changes = saved.algorithm.read_arguments(options.algo_kwargs)
    if options.learning_rate is not None:
        changes["learning_rate"] = options.learning_rate
    return changes


def _as_trained(
    options: ScratchOptions, saved: SavedAgent, changes: Mapping[str, Any]
) -> ScratchOptions:
    """Return the options with as many steps and environments as the pruned agent had.

    Raises:
        ConfigError: Nobody knows them.
    """
    command, steps = _run_of(saved)
    if command == "prune":
        _check_told(options, saved, changes)
    # The agent in the folder `best` has not had all steps of its run.
    steps = options.timesteps or max(steps, int(saved.data.get("num_timesteps", 0)))
    n_envs = options.n_envs or int(saved.data.get("n_envs", 0))
    for flag, found in {"--timesteps": steps, "--n-envs": n_envs}.items():
        if not found:
            raise ConfigError(f"'{saved.path}' was not trained: {flag} is missing.")
    return replace(options, timesteps=steps, n_envs=n_envs)


def _check_told(
    options: ScratchOptions, saved: SavedAgent, changes: Mapping[str, Any]
) -> None:
    """Check that what ``sb3-prune prune`` has changed is told."""
    begins = "exploration_initial_eps"
    told = {"--timesteps": options.timesteps, "--n-envs": options.n_envs}
    if begins in saved.data:
        told[f"--algo-kwargs {begins}=..."] = begins in changes
    if missing := [flag for flag, given in told.items() if not given]:
        raise ConfigError(
            f"'{saved.path}' was trained before sb3-prune prune had it, and does not "
            f"say how. For a fair start say it by {' '.join(missing)}."
        )


def _run_of(saved: SavedAgent) -> tuple[str, int]:
    """Return the command of the run that has saved a zip, and the steps that it had.

    They are "" and 0 if the zip lies in the folder of no run.

    Raises:
        ConfigError: The run had another algorithm, as that of plain.zip can be one, or
            what it says is damaged.
    """
    config = config_of(saved.path.parent)
    if config is None:
        return "", 0
    with damage(saved.path.parent / CONFIG):
        algorithm = config["algorithm"]
        found = str(config["command"][1]), int(config["options"]["timesteps"])
    if algorithm != saved.algorithm.name:
        raise ConfigError(
            f"'{saved.path}' is of {saved.algorithm.name}, its run trained "
            f"{algorithm}: take model.zip."
        )
    return found
