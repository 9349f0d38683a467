"""``sb3-prune prune``: prune a trained agent, at once or while it trains on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from sb3_prune.cli.at_once import prune_at_once
from sb3_prune.cli.hyperparameters import check_values
from sb3_prune.cli.options import RunOptions, SavedAgentOptions
from sb3_prune.cli.places import PlayOptions, announce, maker_for
from sb3_prune.cli.results import Results
from sb3_prune.cli.running import Run
from sb3_prune.cli.staging import parse_staged
from sb3_prune.cli.zips import SavedAgent, read_zip
from sb3_prune.exceptions import ConfigError, require_at_least
from sb3_prune.recording.playing import States


@dataclass(frozen=True, kw_only=True)
class PruneOptions(RunOptions, PlayOptions, SavedAgentOptions):
    """Prune an agent that is already trained, at once or while it trains on.

    With --timesteps 0 the agent only plays a few episodes and is pruned at once, to the
    strategy's final state. The zip may be from stock SB3 or from sb3-prune; it is not
    changed. A zip has no replay buffer, so off-policy agents start with an empty one.
    The options of the strategy depend on --strategy.
    """

    least_timesteps: ClassVar[int] = 0

    timesteps: int = 20_000
    """Environment steps to train for; with 0 the agent is pruned at once."""
    play_episodes: int = 10
    """With --timesteps 0: episodes that the agent plays for its observations."""
    play_states: States = "both"
    """With --timesteps 0: how it acts in them; both plays all of them twice."""
    play_rounds: int = 0
    """With --timesteps 0: further rounds, in each of which the pruned agent plays and
    the dense one is pruned anew on all states so far. The best round is kept."""
    distil_updates: int = 0
    """With --timesteps 0: gradient steps after the cut that train the pruned networks
    to answer as the dense ones did."""

    def check(self) -> None:
        """Check the options that can be checked without environment and agent.

        Raises:
            ConfigError: A value is out of range.
            RunFolderError: A run cannot be written to the folder.
        """
        super().check()
        require_at_least("--play-episodes", self.play_episodes)
        require_at_least("--play-rounds", self.play_rounds, 0)
        require_at_least("--distil-updates", self.distil_updates, 0)
        if self.timesteps and (self.play_rounds or self.distil_updates):
            raise ConfigError(
                "--play-rounds and --distil-updates need --timesteps 0: while an agent "
                "trains on, it learns by itself."
            )
        if self.masks_only and not self.timesteps:
            raise ConfigError("--masks-only needs training, so --timesteps above 0.")


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
    maker = maker_for(saved, options)
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
