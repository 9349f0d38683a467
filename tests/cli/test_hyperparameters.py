"""Tests for cli/hyperparameters.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.type_aliases import TrainFreq, TrainFrequencyUnit

from sb3_prune.cli.hyperparameters import RULES, check_values
from sb3_prune.exceptions import ConfigError

BAD: dict[str, list[Any]] = {
    "n_epochs": [0, -1, 1.0, "1", True, None, (1,), 10**400],
    "batch_size": [0, 2**31],
    "learning_starts": [-1, 0.5],
    "gradient_steps": [0, -2],
    "gamma": [7, -0.1, math.nan, math.inf, 10**400, "0.9", True, None, {}],
    "tau": [0, 2],
    "clip_range": [0, -1, math.inf],
    "max_grad_norm": [0, math.nan],
    "ent_coef": ["x", "auto_", "auto_x", "auto_-1", "auto_nan", "xauto_1", -1, True],
    "target_entropy": ["x", math.nan, -math.inf],
    "train_freq": [0, (1, "x"), (0, "step"), (1, "step", "step"), (), "step", 1.5],
    "use_sde": [3, "yes", None],
    "policy_kwargs": [3, "x", (1,)],
}
GOOD: dict[str, list[Any]] = {
    "n_epochs": [1, np.int64(3)],
    "gradient_steps": [1, -1],
    "gamma": [0, 1, 0.99, np.float32(0.5)],
    "tau": [1, 1e-9],
    "clip_range": [0.2, lambda _: 0.2],
    "max_grad_norm": [math.inf],
    "ent_coef": [0, 0.1, "auto", "auto_0.1"],
    "target_entropy": ["auto", -3, np.float32(-1)],
    "train_freq": [1, (4, "step"), (1,), TrainFreq(1, TrainFrequencyUnit.EPISODE)],
    "use_sde": [True, np.bool_(False)],
    "policy_kwargs": [{}, None],
    "unknown": ["anything"],
}
DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(RULES, 0),
    "policy_kwargs": None,
    "ent_coef": "auto",
}


def pairs(table: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(name, value) for name, values in table.items() for value in values]


@pytest.mark.parametrize(("name", "value"), pairs(BAD))
def test_values_that_are_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"^--x: {name} must be .*, got ") as caught:
        check_values({name: value}, DEFAULTS, "--x")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("name", "value"), pairs(GOOD))
def test_values_that_are_accepted(name: str, value: object) -> None:
    check_values({name: value}, DEFAULTS, "--x")


def test_only_algorithms_that_learn_the_entropy_coefficient_take_auto() -> None:
    with pytest.raises(ConfigError, match=r"ent_coef must be a number .* got 'auto'"):
        check_values({"ent_coef": "auto"}, {"ent_coef": 0.0}, "--x")


def test_the_message_names_the_range() -> None:
    with pytest.raises(ConfigError, match="above 0 and at most 1, got 2"):
        check_values({"tau": 2}, DEFAULTS, "--x")
    with pytest.raises(ConfigError, match=r"of at least 1 and .* or -1, got 0"):
        check_values({"gradient_steps": 0}, DEFAULTS, "--x")
