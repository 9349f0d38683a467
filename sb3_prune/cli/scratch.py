"""``sb3-prune scratch``: train a small dense agent, as small as a pruned one."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from sb3_prune.cli.hyperparameters import check_values
from sb3_prune.cli.lines import ScratchOptions
from sb3_prune.cli.parsing import parse
from sb3_prune.cli.places import announce, maker_for
from sb3_prune.cli.running import Run
from sb3_prune.cli.zips import SavedAgent, read_zip
from sb3_prune.exceptions import ConfigError
from sb3_prune.runs.finished import damage, read_content
from sb3_prune.runs.folder import CONFIG
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
    changes = _changes(options, saved)
    options = _as_long(options, saved)
    maker = maker_for(saved, options)
    maker = replace(maker, around=replace(maker.around, anew=True))
    env = maker.make(options.n_envs, options.seed)
    pruned = saved.load(env, device=options.device, **changes)
    run = Run(
        command="scratch",
        arguments=arguments,
        options=options,
        algorithm=saved.algorithm.name,
        model=from_scratch(pruned, env, seed=options.seed),
        maker=maker,
        strategy=None,
    )
    announce(maker, options)
    if maker.around.statistics is not None:
        print("sb3-prune: the statistics begin anew", file=sys.stderr)
    print("\n".join([*run.carry_out().lines(), f"{'folder':<18} {options.out}"]))


def _as_long(options: ScratchOptions, saved: SavedAgent) -> ScratchOptions:
    """Return the options with as many steps and environments as the zip had.

    Raises:
        ConfigError: The zip was not trained, or does not say for how long.
    """
    steps = options.timesteps or int(saved.data["num_timesteps"])
    if not steps:
        raise ConfigError(
            f"'{saved.path}' was not trained: --timesteps says for how long to train."
        )
    if not options.timesteps and (more := _trained_on(saved)):
        raise ConfigError(
            f"'{saved.path}' was trained already before it was pruned in {more:,} "
            "steps, and only these are in the zip: --timesteps says how many there "
            "were in all."
        )
    n_envs = options.n_envs or int(saved.data["n_envs"])
    return replace(options, timesteps=steps, n_envs=n_envs)


def _trained_on(saved: SavedAgent) -> int:
    """Return for how many steps ``sb3-prune prune`` trained the agent on; 0 if none."""
    try:
        config = read_content(saved.path.parent, CONFIG)
        with damage(saved.path.parent / CONFIG):
            pruned = config["command"][1] == "prune"
            return int(config["options"]["timesteps"]) if pruned else 0
    except ConfigError:  # It is not in the folder of a run.
        return 0


def _changes(options: ScratchOptions, saved: SavedAgent) -> dict[str, Any]:
    """Return the attributes of the algorithm that replace those in the zip."""
    changes = saved.algorithm.read_arguments(options.algo_kwargs)
    check_values(saved.data, saved.algorithm.defaults(), f"'{saved.path}'")
    if options.learning_rate is not None:
        changes["learning_rate"] = options.learning_rate
    _check_exploration(saved.data | changes, saved)
    return changes


def _check_exploration(settings: Mapping[str, Any], saved: SavedAgent) -> None:
    """Check that a DQN explores, which one that was trained on no longer does.

    Raises:
        ConfigError: It begins with the rate with which it ends.
    """
    begins = settings.get("exploration_initial_eps", 1.0)
    if begins <= settings.get("exploration_final_eps", 0.0):
        raise ConfigError(
            f"'{saved.path}' explores at a rate of {begins} from its first step on, as "
            "trained agents do that train on. A new agent has to begin with more: "
            "--algo-kwargs exploration_initial_eps=1.0, say."
        )
