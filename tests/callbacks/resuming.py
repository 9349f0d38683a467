"""What the tests of checkpoints share: digests, and environments without memory."""

from __future__ import annotations

import hashlib
from typing import Any

import gymnasium as gym
import numpy as np
import torch
import zoo
from gymnasium.wrappers import TimeLimit

from sb3_prune.runs import snapshots

LENGTH = 4
"""Steps of every episode: so few that no pole falls before."""


class Fixed(gym.Wrapper):  # type: ignore[type-arg]
    """Every episode begins alike, whatever the seed."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return self.env.reset(seed=0, options=options)


def fixed_env(name: str) -> Any:
    """Make the environment of an algorithm, with short and equal episodes."""
    return Fixed(TimeLimit(zoo.make_env(name), LENGTH))


def digest(model: Any, *others: Any) -> str:
    """Hash all that a resumed run must have, and other things.

    Weights, optimisers, further parameters, counters, the replay buffer and the states
    of all random generators.
    """
    _, further = model._get_torch_save_params()
    return hash_of(
        model.get_parameters(),
        [getattr(model, name) for name in further],
        model.num_timesteps,
        model._n_updates,
        model._episode_num,
        {name: vars(part) for name, part in snapshots.take(model).items()},
        others,
    )


def hash_of(*things: Any) -> str:
    """Hash nested values, arrays and tensors bit for bit."""
    content = hashlib.sha256()
    _feed(content, things)
    return content.hexdigest()


def _feed(content: Any, thing: Any) -> None:
    if isinstance(thing, dict):
        thing = sorted(thing.items(), key=lambda item: str(item[0]))
    if isinstance(thing, list | tuple):
        content.update(f"{len(thing)}:".encode())
        for item in thing:
            _feed(content, item)
    elif isinstance(thing, torch.Tensor | np.ndarray | np.generic):
        array = np.asarray(thing.detach().cpu() if torch.is_tensor(thing) else thing)
        content.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    else:
        content.update(repr(thing).encode())
