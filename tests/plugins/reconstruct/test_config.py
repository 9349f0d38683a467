"""Tests for sb3_prune_reconstruct.config."""

from __future__ import annotations

from typing import Any

import pytest
from sb3_prune_reconstruct import ReconstructConfig

from sb3_prune.exceptions import ConfigError


@pytest.mark.parametrize(
    "config",
    [
        {"choice": "best"},
        {"measure": "reward"},
        {"measure": "kl"},
        {"tolerance": 0.0},
        {"tolerance": -1.0},
        {"tolerance": float("nan")},
        {"tolerance": float("inf")},
    ],
)
def test_bad_options_are_refused(config: Any) -> None:
    with pytest.raises(ConfigError, match=next(iter(config))):
        ReconstructConfig(**config)
