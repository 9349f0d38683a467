"""Tests for strategies/staged.py."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest

from sb3_prune.exceptions import ConfigError
from sb3_prune.strategies import SCHEDULES, GradualConfig, WeightConfig
from sb3_prune.strategies.staged import StagedConfig

from .test_gradual import LastFirst
from .test_weights import Largest

BOTH = [GradualConfig, WeightConfig]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"schedule": "cubix"}, "schedule must be one of cubic.*got 'cubix'"),
        ({"final_sparsity": 1.0}, "final sparsity must be .* got 1.0"),
        ({"initial_sparsity": 0.9}, "final sparsity must be .* got 0.8"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"begin": 0.9}, "begin must be in .* got 0.9"),
        ({"end": 1.1}, "ends after training"),
    ],
)
@pytest.mark.parametrize("config", BOTH)
def test_bad_values_are_refused(config: Any, values: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(**values)


@pytest.mark.parametrize("strategy", [LastFirst, Largest])
def test_events_are_those_of_the_schedule(strategy: Any) -> None:
    options = {"begin": 0.3, "end": 0.9, "steps": 3, "schedule": "linear"}
    made = strategy(strategy.Config(**options))
    points = [0.0, 0.3, 0.49, 0.51, 0.71, 0.91, 1.0]
    assert list(map(made.events_due, points)) == [0, 1, 1, 2, 3, 4, 4]


def test_the_options_describe_the_schedule() -> None:
    schedule = StagedConfig(
        initial_sparsity=0.25, final_sparsity=0.75, steps=2, schedule="linear"
    ).build_schedule()
    assert [schedule.sparsity(p) for p in (0.1, 0.2, 0.55, 0.8)] == [
        *(0.25, 0.25, 0.5, 0.75)
    ]


def test_configurations_name_every_schedule() -> None:
    hints = get_type_hints(StagedConfig)
    assert set(get_args(hints["schedule"])) == set(SCHEDULES)


@pytest.mark.parametrize("config", BOTH)
def test_options_of_both_kinds_come_in_the_same_order(config: Any) -> None:
    """The help of the command lists them in this order, and runs save it."""
    names = [field.name for field in fields(config)]
    shared = [field.name for field in fields(StagedConfig)]
    assert names[: len(shared)] == shared
    assert names[len(shared)] == "distribution"
