"""Tests for base.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from sb3_prune.exceptions import (
    ConfigError,
    NonFiniteError,
    PluginError,
    UnknownNameError,
)
from sb3_prune.plugins.registry import check_class
from sb3_prune.screening import ScreenerConfig, make_screener
from screening.made import Largest, window


@pytest.mark.parametrize("value", [0.9, 1.0, 1.1])
def test_each_run_passes_in_exactly_one_direction(value: float) -> None:
    above, below = Largest(), Largest(ScreenerConfig(direction="below"))
    assert above.passes(value, 1.0) == (value >= 1.0)
    assert below.passes(value, 1.0) != above.passes(value, 1.0)


def test_thresholds_of_less_digits_are_compared_as_they_are() -> None:
    """1.1 of float32 is more than 1.1, for the statistics, too."""
    threshold: Any = np.float32(1.1)
    assert not Largest().passes(1.1, threshold)
    assert Largest().passes(float(threshold), threshold)


@pytest.mark.parametrize("bad", [{"window": 0}, {"window": 1.5}, {"direction": "up"}])
def test_options_are_checked(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        ScreenerConfig(**bad)


def test_a_screener_without_a_window_is_refused() -> None:
    class Odd(Largest):
        """Has other options."""

        @dataclass(frozen=True, kw_only=True)
        class Config:
            """None."""

    with pytest.raises(PluginError, match="must derive from ScreenerConfig"):
        Odd()
    with pytest.raises(ConfigError, match="Largest takes an instance of ScreenerConf"):
        Largest({"window": 3})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_is_a_number(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Largest, "measure", lambda *_: value)
    with pytest.raises(NonFiniteError, match=r"'largest' measures (nan|inf)"):
        Largest().value(window("A2C"))


@pytest.mark.parametrize("value", [None, [1.0, 2.0], "1.5", "high"])
def test_what_is_no_number_is_refused(
    value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Largest, "measure", lambda *_: value)
    with pytest.raises(PluginError, match=r"'largest' measures .*, expected a n"):
        Largest().value(window("A2C"))


def test_what_a_screener_is_made_of() -> None:
    check_class("screeners", Largest)
    made = Largest()
    assert make_screener(made) is made
    assert made.details(window("A2C")) == {}
    with pytest.raises(ConfigError, match="built already"):
        make_screener(made, {"window": 3})
    with pytest.raises(ConfigError, match="a name or an instance"):
        make_screener(Largest)  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match=r"screener 'entropie'.*'entropy'"):
        make_screener("entropie")
