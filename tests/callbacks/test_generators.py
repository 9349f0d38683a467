"""Tests for callbacks/generators.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sb3_prune.callbacks.generators import generator_of
from sb3_prune.exceptions import CheckpointError


def test_a_generator_goes_on_where_it_was() -> None:
    rng = np.random.default_rng(3)
    rng.random(5)
    again = generator_of(rng.bit_generator.state)
    assert np.array_equal(again.random(4), rng.random(4))


@pytest.mark.parametrize("state", [{}, {"bit_generator": "PCG64"}, {"state": 3}])
def test_what_is_no_state_is_refused(state: Any) -> None:
    with pytest.raises(CheckpointError, match="'rng' in the saved state is damaged"):
        generator_of(state)
