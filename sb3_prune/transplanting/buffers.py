"""Buffers: their classes, which SB3 chooses by the observations and the returns."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces
from sb3_contrib.common.maskable.buffers import (
    MaskableDictRolloutBuffer,
    MaskableRolloutBuffer,
)
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import (
    DictReplayBuffer,
    DictRolloutBuffer,
    NStepReplayBuffer,
    ReplayBuffer,
    RolloutBuffer,
)

CHOSEN = {
    "replay_buffer_class": (ReplayBuffer, DictReplayBuffer),
    "rollout_buffer_class": (
        *(RolloutBuffer, DictRolloutBuffer),
        *(MaskableRolloutBuffer, MaskableDictRolloutBuffer),
    ),
}
"""Classes that SB3 chooses by the kind of observations, by attribute."""
OF_STEPS = ("n_steps", "gamma")
"""Arguments that SB3 adds for a buffer with returns of several steps."""


def chosen_buffers(old: BaseAlgorithm, space: spaces.Space[Any]) -> dict[str, Any]:
    """Return arguments for the buffers of a new agent, by name.

    SB3 chooses again what it has chosen for the old agent: classes that depend on
    whether observations are dictionaries, and the buffer for returns of several steps.

    Args:
        old: The old agent.
        space: What the new agent observes.
    """
    found = {name: getattr(old, name) for name in CHOSEN if hasattr(old, name)}
    both = (old.observation_space, space)
    if len({isinstance(each, spaces.Dict) for each in both}) > 1:
        found = {n: None if c in CHOSEN[n] else c for n, c in found.items()}
    if found.get("replay_buffer_class") is NStepReplayBuffer and _is_chosen(old):
        kwargs = old.replay_buffer_kwargs  # type: ignore[attr-defined]
        left = {k: v for k, v in kwargs.items() if k not in OF_STEPS}
        found |= {"replay_buffer_class": None, "replay_buffer_kwargs": left}
    return found


def _is_chosen(old: Any) -> bool:
    """Tell whether SB3 has chosen the buffer for returns of several steps."""
    given = old.n_steps, old.gamma
    return old.n_steps > 1 and given == tuple(
        map(old.replay_buffer_kwargs.get, OF_STEPS)
    )
