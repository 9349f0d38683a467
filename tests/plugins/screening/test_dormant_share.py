"""Tests for dormant_share.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from screening.made import window

from sb3_prune.exceptions import ConfigError
from sb3_prune.screening import Window, make_screener

ROWS = {
    # Mean activations 2, 1, 0.03, 0.97: the third scores 0.03.
    "a": torch.tensor([[3.0, 1.0, -0.03, 0.97], [1.0, 1.0, 0.03, 0.97]]),
    "silent": torch.zeros(2, 2),
}


@pytest.mark.parametrize(("score", "share"), [(0.025, 2 / 6), (0.031, 3 / 6)])
def test_dormant_units_by_hand(
    score: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Window, "activations", lambda *_: ROWS)
    found = make_screener("dormant-share", {"score": score})
    assert found.value(window("A2C")) == share  # Exactly: it meets thresholds.
    assert found.passes(share, share + 0.1) and not found.passes(share, share)


@pytest.mark.parametrize("bad", [{"score": -1.0}, {"direction": "up"}])
def test_options_are_checked(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        make_screener("dormant-share", bad)
