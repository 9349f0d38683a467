"""Generators: random generators that a saved state describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sb3_prune.exceptions import CheckpointError


def generator_of(state: Mapping[str, Any]) -> np.random.Generator:
    """Return the generator of random numbers that has this state.

    Raises:
        CheckpointError: It is no state of a generator.
    """
    generator = np.random.default_rng()
    try:
        generator.bit_generator.state = state
    except (LookupError, OverflowError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"'rng' in the saved state is damaged: {error!r}."
        ) from error
    return generator
