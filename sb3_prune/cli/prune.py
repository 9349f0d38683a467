"""``sb3-prune prune``: prune a trained agent, at once or while it trains on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from sb3_prune.cli.at_once import prune_at_once
from sb3_prune.cli.changing import load_changed
from sb3_prune.cli.hyperparameters import check_values
from sb3_prune.cli.lines import PruneOptions
from sb3_prune.cli.places import announce, check_elsewhere, maker_for
from sb3_prune.cli.results import Results
from sb3_prune.cli.running import Run
from sb3_prune.cli.staging import parse_staged
from sb3_prune.cli.zips import SavedAgent, read_zip


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SB3PruneError: The input is bad; nothing was written.
    """
    options, strategy = parse_staged(PruneOptions, arguments, "prune", optional=False)
    options.check()
    torch.set_num_threads(options.threads)
    saved = read_zip(options.model, options.algo)
    n_envs = options.n_envs or int(saved.data.get("n_envs", 1))
    options = replace(options, n_envs=n_envs)
    check_elsewhere(saved, options.vecnormalize, options.out)
    changes = _changes(options, saved)
    maker = maker_for(saved, options)
    env = maker.make(options.n_envs, options.seed)
    run = Run(
        command="prune",
        arguments=arguments,
        options=options,
        algorithm=saved.algorithm.name,
        model=load_changed(saved, env, options.device, changes),
        maker=maker,
        strategy=strategy,
        physical=not options.masks_only,
        keep_best=options.keep_best,
    )
    announce(maker, options)
    results = _carry_out(run, options)
    print("\n".join([*results.lines(), f"{'folder':<18} {options.out}"]))


def _carry_out(run: Run, options: PruneOptions) -> Results:
    if options.timesteps:
        return run.carry_out()
    return prune_at_once(
        run,
        episodes=options.play_episodes,
        states=options.play_states,
        rounds=options.play_rounds,
        distil_updates=options.distil_updates,
    )


def _changes(options: PruneOptions, saved: SavedAgent) -> dict[str, Any]:
    """Return the attributes of the algorithm that replace those in the zip."""
    changes = saved.algorithm.read_arguments(options.algo_kwargs)
    if options.timesteps:
        check_values(saved.data, saved.algorithm.defaults(), f"'{saved.path}'")
    changes["seed"] = options.seed
    if options.learning_rate is not None:
        changes["learning_rate"] = options.learning_rate
    return _go_on_exploring(saved.data) | changes


def _go_on_exploring(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the exploration rate with which a trained DQN goes on.

    Without it, the agent would start again with random actions.
    """
    if "exploration_final_eps" not in data:
        return {}
    return {"exploration_initial_eps": data["exploration_final_eps"]}
