"""Tests for config.py."""

from __future__ import annotations

from typing import Any

import pytest
from sb3_prune_xinet import PRESETS, XiNetConfig

from sb3_prune.exceptions import ConfigError

TABLE_2 = {
    "lambda_extractor": (1e-9, 1e-6, 1e-6),
    "lambda_agent": (1e-9, 1e-9, 1e-9),
    "nu_extractor": (5e-8, 2e-7, 3e-7),
    "nu_policy": (2e-6, 1e-5, 2e-5),
    "nu_value": (1e-4, 5e-4, 2.5e-3),
    "rho": (1.0, 0.5, 0.5),
}


@pytest.mark.parametrize("column", range(3))
def test_presets_are_those_of_table_2(column: int) -> None:
    preset: Any = ["prune-a", "prune-b", "prune-c"][column]
    config = XiNetConfig(preset=preset)
    found = {name: config.strength(name) for name in TABLE_2}
    assert found == {name: row[column] for name, row in TABLE_2.items()}
    assert len(PRESETS) == 3


@pytest.mark.parametrize("name", TABLE_2)
def test_what_is_given_comes_before_the_preset(name: str) -> None:
    given = XiNetConfig(preset="prune-c", **{name: 0.0})  # type: ignore[arg-type]
    other = XiNetConfig(preset="prune-c")
    for strength in TABLE_2:
        expected = 0.0 if strength == name else other.strength(strength)
        assert given.strength(strength) == expected


def test_the_price_multiplies_every_nu_and_nothing_else() -> None:
    plain, dear = XiNetConfig(nu_value=0.5), XiNetConfig(nu_value=0.5, price=10.0)
    for name in TABLE_2:
        factor = 10 if name.startswith("nu_") else 1
        assert dear.strength(name) == factor * plain.strength(name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "prune-d"}, r"preset.*prune-a.*prune-d"),
        ({"optimizer": "lion"}, r"optimizer.*adam.*lion"),
        ({"nu_policy": -1e-6}, "nu_policy must be finite and at least 0, got -1e-06"),
        ({"lambda_agent": float("nan")}, "lambda_agent must be finite .*, got nan"),
        ({"price": -1.0}, "price must be finite and at least 0, got -1.0"),
        ({"price": float("inf")}, "price must be finite and at least 0, got inf"),
        ({"price": 10**400}, "price must be finite and at least 0, got 1000"),
        ({"price": 1e308, "nu_value": 9e9}, r"nu_value \* price must be .* got inf"),
        ({"nu_value": float("inf")}, "nu_value must be finite and at least 0, got inf"),
        ({"lambda_extractor": float("inf")}, "lambda_extractor must be finite"),
        ({"theta_rate": float("inf")}, "theta_rate must be finite"),
        ({"relative": float("inf")}, "relative must be finite"),
        ({"price": "1"}, "price must be finite and at least 0, got '1'"),
        ({"calibration": 10**400}, "calibration must be at most 9223372036854775807"),
        ({"theta_rate": -0.1}, "theta_rate must be finite and at least 0, got -0.1"),
        ({"rho": 1.5}, r"rho must be in \[0, 1\], got 1.5"),
        ({"begin": -0.1}, "0 <= begin <= end <= 1, got begin = -0.1, end = 0.8"),
        ({"end": 1.1}, "0 <= begin <= end <= 1, got begin = 0.2, end = 1.1"),
        ({"tolerance": 2.0}, r"tolerance must be in \[0, 1\], got 2.0"),
        ({"begin": 0.9}, "0 <= begin <= end <= 1, got begin = 0.9, end = 0.8"),
        ({"min_units": 0}, r"min_units must be at least 1, got 0"),
        ({"networks": "ofe"}, r"such as \['actor'\], got the string 'ofe'"),
    ],
)
def test_errors_name_value_and_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        XiNetConfig(**options)


def test_networks_may_come_from_yaml() -> None:
    networks: Any = ["ofe", "critic.qf0"]
    assert XiNetConfig(networks=networks).networks == ("ofe", "critic.qf0")
