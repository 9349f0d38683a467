"""Recorder: plays episodes with an agent and stores the activations of all units."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv
from tqdm.auto import tqdm

from sb3_prune.exceptions import require_at_least
from sb3_prune.recording.activations import record_activations
from sb3_prune.recording.normalisation import frozen_statistics
from sb3_prune.recording.player import Player
from sb3_prune.recording.recording import Recording
from sb3_prune.recording.storage import Array, Storage
from sb3_prune.surgery.wiring import wire

DEFAULT_MAX_STEPS = 1000
"""Steps after which an episode is cut off if the environment has no time limit."""


def record_episodes(
    model: BaseAlgorithm,
    env: VecEnv,
    *,
    episodes: int = 300,
    seed: int | None = None,
    max_steps: int | None = None,
    memory_limit: int = 1 << 30,
    progress: bool = True,
) -> Recording:
    """Record every hidden layer of the online networks over greedy episodes.

    Target networks are left out.

    Environment i plays the episodes i, i + n, i + 2n, ... one after the other. The
    episodes are thus fixed beforehand; collecting whichever end first would favour
    short ones. Critics that read an action get the actor's greedy action, and LSTMs get
    the state of the running episode. A ``VecNormalize`` does not update its statistics,
    and the recorded rewards are not normalised.

    Args:
        model: The agent, of any supported algorithm.
        env: A vectorised environment of n environments. It is reset, and may be
            left in the middle of an episode.
        episodes: Number of episodes to record.
        seed: Seed of the environments; None keeps their present random state.
        max_steps: Steps after which an episode is cut off; None takes the largest time
            limit of the environments, or 1000 if one has none.
        memory_limit: Bytes, 1 GiB by default. If the arrays need more, they are kept in
            temporary files.
        progress: Show a progress bar on a terminal if recording takes over two seconds.

    Raises:
        ConfigError: ``episodes`` or ``max_steps`` is not positive, ``seed`` is
            negative, or the recording may not fit on the disk.
        NonFiniteError: An observation is NaN or infinite.
    """
    steps = time_limit(env) if max_steps is None else max_steps
    require_at_least("episodes", episodes)
    require_at_least("max_steps", steps)
    if seed is not None:  # env.seed(None) would draw from NumPy's global state.
        require_at_least("seed", seed, 0)
        env.seed(seed)
    disable = None if progress else True  # None: tqdm hides the bar off a terminal.
    with (
        frozen_statistics(env),
        tqdm(total=episodes, disable=disable, delay=2, desc="recording") as bar,
    ):
        player = Player(model, env, follow_critic_memory=True)
        recorder = _Recorder(player, episodes, steps, memory_limit, bar)
        return recorder.record()


def time_limit(env: VecEnv) -> int:
    """Return the largest limit of the environments in steps; 1000 if one has none."""
    limits: list[Any] = []
    if env.has_attr("spec"):
        specs = env.get_attr("spec")
        limits = [getattr(spec, "max_episode_steps", None) for spec in specs]
    if env.has_attr("max_episode_steps"):  # It may be longer than that of the spec.
        own = env.get_attr("max_episode_steps")
        limits = own if not any(limits) else [*limits, *filter(None, own)]
    if not limits or not all(limits):
        return DEFAULT_MAX_STEPS
    return int(max(limits))


class _Recorder:
    """Assigns episodes to environments and stores every step."""

    def __init__(
        self,
        player: Player,
        episodes: int,
        max_steps: int,
        memory_limit: int,
        bar: Any,
    ) -> None:
        self.player, self.bar = player, bar
        self.episodes, self.max_steps = episodes, max_steps
        widths = wire(player.model.policy).units()
        shape = _flat(player.observations).shape[1:]
        numbers = sum(widths.values()) + math.prod(shape) + 1
        self.storage = Storage(episodes * max_steps * numbers, memory_limit)
        self.layers = {name: self._array(k) for name, k in widths.items()}
        self.observations = self._array(*shape)
        self.rewards = self._array()
        self.lengths = np.zeros(episodes, dtype=np.int64)
        self.episode = np.arange(player.env.num_envs)  # That each environment plays.
        self.step = np.zeros_like(self.episode)

    def _array(self, *shape: int) -> Array:
        return self.storage.zeros(self.episodes, self.max_steps, *shape)

    def record(self) -> Recording:
        """Play until every episode is stored; return arrays as long as the longest."""
        self._play()
        while (self.episode < self.episodes).any():
            self.player.reset()
            self._play()
        longest = self.lengths.max()
        return Recording(
            activations={name: a[:, :longest] for name, a in self.layers.items()},
            observations=self.observations[:, :longest],
            rewards=self.rewards[:, :longest],
            lengths=self.lengths,
        )

    def _play(self) -> None:
        """Play until no environment has a step to store.

        An episode that was cut off is played on without being stored, because SB3
        cannot reset a single environment.
        """
        storing = self.episode < self.episodes
        self.step[:] = 0
        while storing.any():
            self._store(storing)
            rewards, ended = self.player.step()
            self.rewards[self.episode[storing], self.step[storing]] = rewards[storing]
            self.step += 1
            self.lengths[self.episode[storing]] = self.step[storing]
            over = storing & (ended | (self.step >= self.max_steps))
            self.bar.update(int(over.sum()))
            self.episode[over] += len(self.episode)
            self.step[ended] = 0
            storing = np.where(ended, self.episode < self.episodes, storing & ~over)

    def _store(self, storing: NDArray[np.bool_]) -> None:
        index = self.episode[storing], self.step[storing]
        inputs = self.player.inputs()
        for name, units in record_activations(self.player.model, inputs).items():
            self.layers[name][index] = units.cpu().numpy()[storing]
        self.observations[index] = _flat(self.player.observations)[storing]


def _flat(observations: Any) -> NDArray[Any]:
    """Return observations as one array; dictionaries are flattened and joined."""
    if not isinstance(observations, dict):
        return np.asarray(observations)
    parts = [np.reshape(part, (len(part), -1)) for part in observations.values()]
    return np.concatenate(parts, axis=1)
