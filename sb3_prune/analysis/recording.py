"""Recording: what every hidden unit says over whole episodes of an agent.

Arrays of more than ``memory_limit`` bytes are kept on disk, as float32.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv
from tqdm.auto import tqdm

from sb3_prune.exceptions import ConfigError, NonFiniteError
from sb3_prune.strategies.activations import record_activations
from sb3_prune.surgery.wiring import wire

Array = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Activations of an agent's hidden units over sample episodes."""

    activations: Mapping[str, Array]
    """Layer name -> (episodes, steps, units); zero after an episode's end."""
    observations: Array
    """What was seen when the activations arose, (episodes, steps, observation)."""
    rewards: Array
    """Reward of every step, (episodes, steps)."""
    lengths: NDArray[np.int64]
    """Steps of every episode, (episodes,)."""
    _folder: Any = field(default=None, repr=False)

    @property
    def episodes(self) -> int:
        """Number of episodes."""
        return len(self.lengths)

    def maxima(self, layer: str) -> Array:
        """Return Z, the largest activation of each unit over all episodes, (units,)."""
        found: Array = self.activations[layer].max(axis=(0, 1))
        return found

    def silent(self, layer: str) -> NDArray[np.bool_]:
        """Return which units never say anything: all activations zero, (units,)."""
        return np.asarray(~self.activations[layer].any(axis=(0, 1)))

    def steps(self, layer: str) -> Array:
        """Return the activations of all real steps in a row, (total steps, units)."""
        return self.activations[layer][self.valid()]

    def valid(self) -> NDArray[np.bool_]:
        """Return which entries belong to an episode, (episodes, steps)."""
        count = np.arange(self.rewards.shape[1])
        inside: NDArray[np.bool_] = count < self.lengths[:, None]
        return inside


def record_episodes(
    model: BaseAlgorithm,
    env: VecEnv,
    *,
    episodes: int = 300,
    seed: int | None = None,
    max_steps: int = 1000,
    memory_limit: int = 1 << 30,
    progress: bool = True,
) -> Recording:
    """Record every hidden layer of the online networks over greedy episodes.

    Args:
        model: The agent, of any supported algorithm.
        env: A vectorised environment; environment i plays every ``num_envs``-th episode.
        episodes: Number of episodes m.
        seed: Seed of the environments; None goes on with their random state.
        max_steps: Steps after which an episode is cut off.
        memory_limit: Bytes above which the arrays go to a temporary file.
        progress: Show a progress bar.

    Raises:
        ConfigError: ``episodes`` or ``max_steps`` is not positive.
        NonFiniteError: An observation is NaN or infinite.
    """
    if episodes < 1 or max_steps < 1:
        raise ConfigError(
            f"episodes and max_steps must be positive, got {episodes} and {max_steps}."
        )
    recorder = _Recorder(model, env, episodes, max_steps, memory_limit)
    env.seed(seed)
    with tqdm(total=episodes, disable=not progress, desc="recording") as bar:
        while recorder.count < episodes:
            bar.update(recorder.play())
    return recorder.finish()


class _Recorder:
    """Plays rounds of episodes, one per environment, and files what it sees."""

    def __init__(
        self,
        model: BaseAlgorithm,
        env: VecEnv,
        episodes: int,
        max_steps: int,
        memory_limit: int,
    ) -> None:
        self.model, self.env = model, env
        self.episodes, self.max_steps = episodes, max_steps
        self.count, self.longest = 0, 0
        widths = wire(model.policy).units()
        shape = model.observation_space.shape or ()
        numbers = sum(widths.values()) + int(np.prod(shape)) + 1
        self.folder: Any = None
        if 4 * episodes * max_steps * numbers > memory_limit:
            self.folder = tempfile.TemporaryDirectory(prefix="sb3-prune-")
        self.layers = {name: self._array(name, k) for name, k in widths.items()}
        self.observations = self._array("observations", *shape)
        self.rewards = self._array("rewards")
        self.lengths = np.zeros(episodes, dtype=np.int64)

    def _array(self, name: str, *shape: int) -> Array:
        full = (self.episodes, self.max_steps, *shape)
        if self.folder is None:
            return np.zeros(full, dtype=np.float32)
        path = Path(self.folder.name, f"{name}.npy")
        return np.lib.format.open_memmap(path, "w+", np.float32, full)

    def play(self) -> int:
        """Play one episode in every environment; return how many were filed."""
        rows = np.arange(self.count, min(self.count + self.env.num_envs, self.episodes))
        running = np.zeros(self.env.num_envs, dtype=bool)
        running[: len(rows)] = True
        observations, states = self.env.reset(), None
        starts = np.ones(self.env.num_envs, dtype=bool)
        for step in range(self.max_steps):
            self._file_units(rows[running[: len(rows)]], running, step, observations)
            actions, states = self.model.predict(
                observations,  # type: ignore[arg-type]  # SB3 allows a dict of arrays
                state=states,
                episode_start=starts,
                deterministic=True,
            )
            observations, rewards, starts, _ = self.env.step(actions)
            filed = rows[running[: len(rows)]]
            self.rewards[filed, step] = rewards[running]
            self.lengths[filed] = step + 1
            running &= ~starts
            if not running.any():
                break
        self.longest = max(self.longest, step + 1)
        self.count += len(rows)
        return len(rows)

    def _file_units(
        self, filed: NDArray[np.int64], running: Any, step: int, observations: Any
    ) -> None:
        if not np.isfinite(observations).all():
            raise NonFiniteError("An observation is NaN or infinite.")
        now = observations[running]
        self.observations[filed, step] = now
        with torch.no_grad():
            for name, units in record_activations(self.model, now).items():
                self.layers[name][filed, step] = units.cpu().numpy()

    def finish(self) -> Recording:
        """Return the recording, cut to the longest episode."""
        cut = {name: array[:, : self.longest] for name, array in self.layers.items()}
        return Recording(
            activations=cut,
            observations=self.observations[:, : self.longest],
            rewards=self.rewards[:, : self.longest],
            lengths=self.lengths,
            _folder=self.folder,
        )
