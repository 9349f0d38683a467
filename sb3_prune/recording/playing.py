"""Playing: let an agent play episodes to get inputs of its networks."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv
from tqdm.auto import tqdm

from sb3_prune.exceptions import require_at_least, require_one_of
from sb3_prune.recording.monitors import Monitors
from sb3_prune.recording.normalisation import frozen_statistics
from sb3_prune.recording.observations import count_observations
from sb3_prune.recording.player import Player
from sb3_prune.recording.reservoir import join
from sb3_prune.recording.samples import part
from sb3_prune.surgery.flow.forwards import Inputs, flat_actions
from sb3_prune.surgery.flow.quiet import quiet, seed_torch

States = Literal["greedy", "stochastic", "both"]
"""How an agent acts while it plays."""
MOST = 16_384
"""Largest number of observations that are kept."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Played:
    """What an agent saw and earned in some episodes."""

    inputs: Inputs
    """Inputs of its networks at every step."""
    returns: NDArray[np.float64]
    """Returns of the greedy episodes, not normalised, as a ``Monitor`` tells them if
    there is one; of the others if none is greedy."""
    steps: int
    """Number of steps of all episodes, those that were not kept included."""


def play_inputs(
    model: BaseAlgorithm,
    env: VecEnv,
    *,
    episodes: int = 10,
    states: States = "both",
    seed: int = 0,
    progress: bool = True,
) -> Inputs:
    """Play episodes, return the inputs of the networks; see :func:`play_episodes`."""
    played = play_episodes(
        model, env, episodes=episodes, states=states, seed=seed, progress=progress
    )
    return played.inputs


def play_episodes(
    model: BaseAlgorithm,
    env: VecEnv,
    *,
    episodes: int = 10,
    states: States = "both",
    seed: int = 0,
    progress: bool = True,
) -> Played:
    """Play episodes; return the inputs of the networks at every step, and the returns.

    Every environment plays the same number of episodes. Counting whichever end first
    would favour short ones. Of more than :data:`MOST` steps, that many are drawn.

    Args:
        model: The agent; it stays as it is.
        env: A vectorised environment, with the normalisation of the training. It is
            reset but not seeded, and left in the middle of episodes.
        episodes: Number of episodes for each way to act, rounded up to a multiple of
            the number of environments.
        states: Whether the agent acts greedily, draws its actions, or plays all
            episodes both ways.
        seed: Seed of drawn actions and steps.
        progress: Show a progress bar on a terminal if playing takes over two seconds.

    Raises:
        ConfigError: ``episodes`` is not positive, or there is no such way to act.
    """
    require_at_least("episodes", episodes)
    require_at_least("seed", seed, 0)
    require_one_of("states", states, get_args(States))
    ways = {"greedy": [True], "stochastic": [False], "both": [True, False]}[states]
    each = -(-episodes // env.num_envs)
    disable = None if progress else True  # None: tqdm hides the bar off a terminal.
    total = each * env.num_envs * len(ways)
    with (
        _drawing(model, seed),
        frozen_statistics(env),
        tqdm(total=total, disable=disable, delay=2, desc="playing") as bar,
    ):
        played = [_play(model, env, each, greedy, bar) for greedy in ways]
    inputs = join([found.inputs for found in played])
    steps = count_observations(inputs.observations)
    if steps > MOST:
        drawn = np.random.default_rng(seed).choice(steps, MOST, replace=False)
        inputs = part(inputs, torch.as_tensor(np.sort(drawn)))
    return Played(inputs=inputs, returns=played[0].returns, steps=steps)


@contextmanager
def _drawing(model: BaseAlgorithm, seed: int) -> Iterator[None]:
    """Let a model draw actions by a seed; afterwards it is as before."""
    space = model.action_space  # DQN draws from it.
    with quiet(model.policy):
        seed_torch(seed)
        np.random.seed(seed)
        model.action_space = copy.deepcopy(space)
        model.action_space.seed(seed)
        try:
            yield
        finally:
            model.action_space = space


def _critics_actions(player: Player) -> torch.Tensor | None:
    """Return the last actions as critics read them; None if no critic reads actions."""
    policy, space = player.model.policy, player.model.action_space
    off_policy = isinstance(player.model, OffPolicyAlgorithm)
    if not off_policy or not isinstance(space, spaces.Box):
        return None
    scaled = flat_actions(space, policy.scale_action(player.actions))
    return torch.as_tensor(scaled, device=policy.device)


def _play(
    model: BaseAlgorithm, env: VecEnv, each: int, greedy: bool, bar: tqdm
) -> Played:
    """Play until every environment has ended so many episodes."""
    player = Player(model, env, greedy=greedy, follow_critic_memory=True)
    parts: list[Inputs] = []
    returns: list[list[float]] = [[] for _ in range(env.num_envs)]
    earned = np.zeros(env.num_envs)
    monitors = Monitors(env)
    while min(map(len, returns)) < each:
        inputs = player.inputs()
        rewards, ended = player.step()
        parts.append(replace(inputs, actions=_critics_actions(player)))
        earned += rewards
        for i in np.flatnonzero(ended).tolist():
            known = monitors.ended(i, player.infos[i], {"r": earned[i]})
            if known is None:  # A lost life, for example, ends no episode.
                continue
            if len(returns[i]) < each:
                returns[i].append(float(known["r"]))
                bar.update()
            earned[i] = 0.0
    inputs = join(parts)
    steps = count_observations(inputs.observations)
    return Played(inputs=inputs, returns=np.concatenate(returns), steps=steps)
