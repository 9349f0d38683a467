"""Tests for transplanting/ranges.py."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from sb3_prune.transplanting import plan_transplant, transplant
from transplanting import looks


def of_bounds(low: float, high: float, count: int = 3) -> spaces.Box:
    return spaces.Box(low, high, (count,), np.float32)


@pytest.mark.parametrize(
    ("space", "actions", "given", "why"),
    [
        (looks.numbers(5), of_bounds(-2, 2), {}, "its actions have other bounds"),
        (
            looks.numbers(5),
            of_bounds(-1, 1, 2),
            {"actions": [2, 0]},
            r"it has the actions [1], which are gone",
        ),
        (spaces.Box(0, 9, (5,), np.uint8), of_bounds(-1, 1), {}, "of uint8, and was"),
        (
            spaces.Box(-0.5, 1, (5,), np.float32),
            of_bounds(-1, 1),
            {},
            "it has values beyond the new bounds of the observations",
        ),
    ],
)
def test_transitions_of_other_bounds_stay_behind(
    space: Any, actions: Any, given: Any, why: str
) -> None:
    old: Any = looks.trained("SAC", "vector")
    env = looks.Looks(space, actions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Actions have other bounds.
        report = plan_transplant(old, env=env, **given)
        new: Any = transplant(old, env=env, **given)
    (said,) = [said for said in report.left if "replay buffer" in said]
    assert why in said and "stays behind, 96 transitions" in said
    assert new.replay_buffer.size() == 0 and new.num_timesteps == 0


def test_wider_bounds_of_observations_pass() -> None:
    old: Any = looks.trained("SAC", "vector")
    env = looks.Looks(spaces.Box(-2, 2, (5,), np.float32), of_bounds(-1, 1))
    new: Any = transplant(old, env=env)
    ours, theirs = (m.replay_buffer.observations[:96] for m in (old, new))
    assert np.array_equal(ours, theirs)
