"""Plain zips: write the plain zip of an agent, and verify it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exporting.compaction import compact
from sb3_prune.exporting.verification import plain_actions
from sb3_prune.runs.folder import write_model

OBSERVATIONS = 64
"""Number of random observations on which actions are compared."""
TOLERANCE = 1e-4
"""Largest difference between equal continuous actions, which rounding can cause."""


def save_plain(model: BaseAlgorithm, path: str | Path) -> BaseAlgorithm:
    """Write the plain zip of an agent and return the agent in it.

    Raises:
        CompactError: No stock policy can represent the agent; nothing was written.
    """
    plain = compact(model)
    write_model(path, plain)
    return plain


def loads_equal(model: BaseAlgorithm, plain: BaseAlgorithm, path: str | Path) -> bool:
    """Verify a plain zip in a new process without sb3_prune.

    Args:
        model: The original agent.
        plain: The agent that :func:`save_plain` returned.
        path: The plain zip.

    Returns:
        Whether both agents choose equal actions on random observations.

    Raises:
        CompactError: The zip does not load in that process.
    """
    observations = _draw(model.observation_space)
    expected, _ = model.predict(observations, deterministic=True)
    found = plain_actions(path, type(plain), observations)
    if isinstance(plain.action_space, spaces.Box):
        return bool(np.allclose(found, expected, rtol=0, atol=TOLERANCE))
    if isinstance(model.action_space, spaces.MultiDiscrete) and found.ndim == 1:
        # The branches of the original are the digits of the joint action's number.
        expected = np.ravel_multi_index(list(expected.T), list(model.action_space.nvec))
    return bool(np.array_equal(found, expected))


def _draw(space: spaces.Space[Any]) -> Any:
    """Draw a batch of observations, an array or a dictionary of arrays."""
    space.seed(0)
    drawn = [space.sample() for _ in range(OBSERVATIONS)]
    if isinstance(space, spaces.Dict):
        return {key: np.stack([each[key] for each in drawn]) for key in space}
    return np.stack(drawn)
