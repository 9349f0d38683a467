"""Tests for networks/ofexi_config.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sb3_prune.exceptions import ConfigError
from sb3_prune.networks import OFEXiConfig


@pytest.mark.parametrize("name", ["blocks", "units", "predicted", "learning_rate"])
@pytest.mark.parametrize("value", [0, -1])
def test_numbers_must_be_positive(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be positive, got {value}"):
        OFEXiConfig(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("blocks", "3", "int, got '3'"),
        ("blocks", 1.5, "int, got 1.5"),
        ("units", True, "int, got True"),
        ("units", None, "int, got None"),
        ("predicted", 2.0, r"int \| None, got 2.0"),
        ("learning_rate", "1e-3", "float, got '1e-3'"),
        ("learning_rate", float("nan"), "positive, got nan"),
        ("learning_rate", float("inf"), "finite, got inf"),
        ("learning_rate", 10**400, "float, got 1000"),
        ("blocks", 10**400, "at most 9223372036854775807, got 1000"),
        ("norm", "group", r"Literal\['batch', 'layer', 'none'\], got 'group'"),
        ("activation", ["silu"], r"Literal\['silu', 'tanh'\], got \['silu'\]"),
    ],
)
def test_values_must_have_the_type_of_their_option(
    name: str, value: Any, wanted: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{name} must be {wanted}"):
        OFEXiConfig(**{name: value})


def test_whole_numbers_of_any_library_will_do() -> None:
    config = OFEXiConfig(blocks=np.int64(2), learning_rate=1)  # type: ignore[arg-type]
    assert (type(config.blocks), type(config.learning_rate)) == (int, float)
