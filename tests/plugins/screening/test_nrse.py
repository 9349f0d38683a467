"""Tests for nrse.py."""

from __future__ import annotations

import pytest
import torch
from screening.made import window

from sb3_prune.exceptions import ConfigError
from sb3_prune.screening import Window, make_screener


@pytest.mark.parametrize(("top", "mean_of"), [(0.3, 3), (0.7, 7), (1.0, 10), (0.01, 1)])
def test_the_largest_entropies_count(
    top: float, mean_of: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unit k takes k + 1 values equally often: its entropy is log2(k + 1) bits."""
    steps = 2520  # Divisible by 1, ..., 10.
    units = [torch.arange(steps) % (k + 1) for k in range(10)]
    rows = {"a": torch.stack(units[:4], 1), "b": torch.stack(units[4:], 1)}
    floats = {name: each.float() for name, each in rows.items()}
    monkeypatch.setattr(Window, "activations", lambda *_: floats)
    expected = torch.arange(1, 11).log2()[-mean_of:].mean()
    found = make_screener("nrse", {"top": top, "bins": 900, "base": 2.0})
    assert found.value(window("A2C")) == pytest.approx(float(expected))


@pytest.mark.parametrize("bad", [{"top": 0.0}, {"top": 1.1}, {"bins": 1}, {"base": 1}])
def test_options_are_checked(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        make_screener("nrse", bad)
