"""``sb3-prune prune``: prune an agent that is already trained, while it trains on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from sb3_prune.cli.environments import find_env
from sb3_prune.cli.options import RunOptions, SavedAgentOptions
from sb3_prune.cli.pairs import parse_pairs
from sb3_prune.cli.running import Run
from sb3_prune.cli.staging import parse_staged
from sb3_prune.cli.zips import SavedAgent, read_zip


@dataclass(frozen=True, kw_only=True)
class PruneOptions(RunOptions, SavedAgentOptions):
    """Prune an agent that is already trained, while it trains on.

    The zip may be from stock SB3 or from sb3-prune; it is not changed. A zip has no
    replay buffer, so off-policy agents start with an empty one. The options of the
    strategy depend on --strategy.
    """


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SB3PruneError: The input is bad; nothing was written.
    """
    options, strategy = parse_staged(PruneOptions, arguments, "prune", optional=False)
    options.check()
    torch.set_num_threads(options.threads)
    saved = read_zip(options.model, options.algo)
    changes = _changes(options, saved)
    maker = find_env(
        options.env,
        parse_pairs("--env-kwargs", options.env_kwargs),
        lambda space: bool(space == saved.data["action_space"]),
    )
    env = maker.make(options.n_envs, options.seed)
    run = Run(
        command="prune",
        arguments=arguments,
        options=options,
        algorithm=saved.algorithm.name,
        model=saved.load(env, device=options.device, **changes),
        maker=maker,
        strategy=strategy,
    )
    print("\n".join([*run.carry_out().lines(), f"{'folder':<18} {options.out}"]))


def _changes(options: PruneOptions, saved: SavedAgent) -> dict[str, Any]:
    """Return the attributes of the algorithm that replace those in the zip."""
    changes = parse_pairs("--algo-kwargs", options.algo_kwargs)
    saved.algorithm.check_arguments(changes)
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
