"""What one row of the table says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import gymnasium as gym
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy

Expectation = Literal["prunable", "mixes", "fixed", "refused"]
"""What becomes of the layers that a case is about.

``prunable``: A unit that emits nothing goes, and every output stays equal.
``mixes``: It may go, but its neighbours see it (a norm, a softmax): outputs move.
``fixed``: The network depends on the number of units in a way that no cut can follow.
``refused``: Nothing in the calls says so, yet a cut breaks it; only a trial tells.
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A policy as users write them, and what surgery may do with its layers.

    A layer has the path, inside the policy, of what makes its units: of a module, for
    its ``weight``, or of any other parameter. Of several makers of the same units (the
    branches of a sum) the one that is registered first names the layer. A part of a
    maker's rows is called ``path[start:stop]``. Heads, whose units are outputs, are
    left out, and so are targets, which follow their network.
    """

    algorithm: type[BaseAlgorithm]
    """Algorithm that trains the policy."""
    policy: type[BasePolicy]
    """Policy class, importable."""
    env: Callable[[], gym.Env]  # type: ignore[type-arg]
    """Makes the environment."""
    expectation: Expectation
    """What becomes of the layers that the case is about."""
    reason: str
    """Why, in a few words."""
    prunable: Mapping[str, int] = field(default_factory=dict)
    """Layers that may be cut exactly, and their units."""
    mixes: Mapping[str, int] = field(default_factory=dict)
    """Layers that may be cut, but not exactly, and their units."""
    fixed: Mapping[str, int] = field(default_factory=dict)
    """Layers that must stay as they are, by a rule or by a trial, and their units."""
    policy_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the policy."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the algorithm."""
