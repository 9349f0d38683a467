"""Observations: the same is done with an array, or with those of each key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sb3_prune.surgery.flow.ports import by_key


def count_observations(observations: Any) -> int:
    """Return the number of observations in a batch.

    Args:
        observations: A tensor or an array (batch, ...), or one for each key.
    """
    return len(next(iter(by_key(observations).values())))


def mapped(function: Callable[[Any], Any], observations: Any) -> Any:
    """Return what a function makes of observations, by key if there are keys.

    Args:
        function: It gets a tensor or an array.
        observations: A tensor or an array, or one for each key.
    """
    if isinstance(observations, dict):
        return {key: function(each) for key, each in observations.items()}
    return function(observations)


def joined(parts: Sequence[Any]) -> Any:
    """Join batches of observations to one.

    Args:
        parts: Arrays (batch, ...), or dictionaries of arrays with the same keys.
    """
    if isinstance(parts[0], dict):
        return {key: np.concatenate([each[key] for each in parts]) for key in parts[0]}
    return np.concatenate(parts)
