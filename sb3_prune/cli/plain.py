"""Plain: write an agent so that it loads where sb3_prune is not installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exporters.compaction import compact
from sb3_prune.exporters.verification import plain_actions
from sb3_prune.files import atomic

OBSERVATIONS = 64
"""Random observations that actions are compared on."""
TOLERANCE = 1e-4
"""Largest difference of continuous actions, rounding only."""


def save_plain(model: BaseAlgorithm, path: str | Path) -> BaseAlgorithm:
    """Write the plain zip of an agent and return what is in it.

    Raises:
        CompactError: No stock policy can say the agent; nothing was written.
    """
    plain = compact(model)
    with atomic(path) as temporary:
        plain.save(temporary)
    return plain


def loads_equal(model: BaseAlgorithm, plain: BaseAlgorithm, path: str | Path) -> bool:
    """Load a plain zip in a fresh process without sb3_prune, and compare actions.

    Args:
        model: The agent.
        plain: What is in the zip.
        path: The zip.

    Raises:
        CompactError: It does not load there.
    """
    observations = _draw(model.observation_space)
    expected, _ = model.predict(observations, deterministic=True)
    found = plain_actions(path, type(plain), observations)
    if isinstance(plain.action_space, spaces.Box):
        return bool(np.allclose(found, expected, rtol=0, atol=TOLERANCE))
    if isinstance(model.action_space, spaces.MultiDiscrete) and found.ndim == 1:
        # A branching agent's digits became one number.
        expected = np.ravel_multi_index(list(expected.T), list(model.action_space.nvec))
    return bool(np.array_equal(found, expected))


def _draw(space: spaces.Space[Any]) -> np.ndarray:
    space.seed(0)
    return np.stack([space.sample() for _ in range(OBSERVATIONS)])
