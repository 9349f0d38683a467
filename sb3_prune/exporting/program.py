"""The decision of an agent as one traced program, which exporters lower to files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from torch.export import ExportedProgram

Kind = Literal[
    "observation",
    "action_mask",
    "state",
    "episode_start",
    "action",
    "mean",
    "log_std",
    "logits",
    "value",
]
"""What a port carries."""


@dataclass(frozen=True, kw_only=True)
class Port:
    """An input or an output of a decision."""

    name: str
    """Its name, unique among inputs and outputs, and a name in Python and C, too:
    ``observation``, or ``observation_<key>`` of a dictionary; ``action_mask``;
    ``state_<i>``, as output ``new_state_<i>``; ``episode_start``; ``action``."""
    shape: tuple[int, ...]
    """Shape without the batch axis, which the program has in front (batch 1)."""
    dtype: np.dtype[Any]
    """Type of its numbers as the program takes or gives them."""
    kind: Kind
    """What it carries. ``episode_start`` is 1 where an episode begins, else 0; an entry
    of ``action_mask`` is 1 where an action is allowed, else 0."""
    key: str | None = None
    """Key of a dictionary of observations; else None."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The agent's whole decision: from raw observations to the environment's action."""

    program: ExportedProgram
    """Batch 1, core ATen operations, decomposed; it takes the inputs in order."""
    inputs: tuple[Port, ...]
    """Observations first, then an action mask, then states and the episode's start."""
    outputs: tuple[Port, ...]
    """The action first, then new states in the order of the inputs, then the rest."""
    observation_space: spaces.Space[Any]
    """Space of the raw observations."""
    action_space: spaces.Space[Any]
    """Space of the actions."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Facts that JSON can hold: algorithm, policy, normalisation, versions."""
