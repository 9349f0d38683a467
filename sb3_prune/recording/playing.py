"""Playing: let an agent play episodes to get inputs of its networks."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv
from tqdm.auto import tqdm

from sb3_prune.exceptions import require_at_least, require_one_of
from sb3_prune.recording.activations import count_observations
from sb3_prune.recording.player import Player, frozen_statistics
from sb3_prune.recording.reservoir import join
from sb3_prune.recording.samples import part
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.flow.quiet import same_random_state

States = Literal["greedy", "stochastic", "both"]
"""How an agent acts while it plays."""
MOST = 16_384
"""Largest number of observations that are kept."""


def play_inputs(
    model: BaseAlgorithm,
    env: VecEnv,
    *,
    episodes: int = 10,
    states: States = "both",
    seed: int = 0,
    progress: bool = True,
) -> Inputs:
    """Play episodes and return the inputs of the networks at every step.

    Of more than :data:`MOST` steps, that many are drawn.

    Args:
        model: The agent; it stays as it is.
        env: A vectorised environment, with the normalisation of the training. It is
            reset, and left in the middle of episodes.
        episodes: Number of episodes, the same number for each way to act.
        states: Whether the agent acts greedily, draws its actions, or plays all
            episodes both ways.
        seed: Seed of the draws.
        progress: Show a progress bar on a terminal if playing takes over two seconds.

    Raises:
        ConfigError: ``episodes`` is not positive, or there is no such way to act.
    """
    require_at_least("episodes", episodes)
    require_one_of("states", states, get_args(States))
    ways = {"greedy": [True], "stochastic": [False], "both": [True, False]}[states]
    disable = None if progress else True  # None: tqdm hides the bar off a terminal.
    total = episodes * len(ways)
    with (
        same_random_state(),
        frozen_statistics(env),
        tqdm(total=total, disable=disable, delay=2, desc="playing") as bar,
    ):
        torch.manual_seed(seed)
        played = [_play(model, env, episodes, greedy, bar) for greedy in ways]
    inputs = join(played)
    steps = count_observations(inputs.observations)
    if steps <= MOST:
        return inputs
    drawn = np.random.default_rng(seed).choice(steps, MOST, replace=False)
    return part(inputs, torch.as_tensor(np.sort(drawn)))


def _play(
    model: BaseAlgorithm, env: VecEnv, episodes: int, greedy: bool, bar: tqdm
) -> Inputs:
    player = Player(model, env, greedy=greedy, follow_critic_memory=True)
    parts: list[Inputs] = []
    ended = 0
    while ended < episodes:
        parts.append(player.inputs())
        over = int(player.step()[1].sum())
        bar.update(min(over, episodes - ended))
        ended += over
    return join(parts)
