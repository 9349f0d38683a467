"""Schedules: those of RL Zoo as schedules that Stable-Baselines3 has itself."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import FloatSchedule, LinearSchedule

FROM_ZOO = "rl_zoo3.utils", "SimpleLinearSchedule"
"""Module and class of ``lin_0.001`` in RL Zoo's settings; a zip that has one loads only
where rl_zoo3 is installed."""


def use_stock_schedules(model: BaseAlgorithm) -> None:
    """Replace schedules of RL Zoo by equal ones of Stable-Baselines3, in place."""
    for name, value in vars(model).items():
        setattr(model, name, stock_schedule(value))


def stock_schedule(value: Any) -> Any:
    """Return an equal schedule of Stable-Baselines3; anything else as it is.

    Whether it is one of RL Zoo is told by its name, as RL Zoo may be absent.
    """
    cls = type(value)
    if isinstance(value, FloatSchedule):
        inner = stock_schedule(value.value_schedule)
        return value if inner is value.value_schedule else FloatSchedule(inner)
    if (cls.__module__, cls.__qualname__) == FROM_ZOO:
        return LinearSchedule(value.initial_value, 0.0, 1.0)
    return value
