"""Actions are measured by their box, wherever it lies."""

from __future__ import annotations

from typing import Any

import exported
import numpy as np
import pytest
import stable_baselines3 as sb3
from gymnasium import spaces

from exporting.test_tracing import asked
from sb3_prune.exceptions import ExportError
from sb3_prune.exporting.accepting import accepted
from sb3_prune.exporting.asking import Agent
from sb3_prune.exporting.checking import check_against
from sb3_prune.exporting.tracing import trace

FAR = spaces.Box(1000, 1001, (2,), np.float32)
SMALL = spaces.Box(0, 1e-4, (2,), np.float32)
UNIT = np.array([[0.5, -0.25]])


def test_squashed_actions_are_measured_by_half_of_the_box() -> None:
    box = spaces.Box(np.float32([0, -1]), np.float32([1e-3, 3]), (2,))
    most, largest = accepted(box, UNIT, 0.1, squashed=True)
    np.testing.assert_allclose(most, [5e-5, 0.2], rtol=1e-4)
    assert largest is most


def test_float32_is_no_finer_far_from_zero() -> None:
    most, _ = accepted(FAR, UNIT, 1e-9, squashed=True)
    np.testing.assert_allclose(most, 2 * np.spacing(np.float32(1001)), rtol=1e-4)


@pytest.mark.parametrize(
    ("bound", "most"), [(1e6, [0.3, 0.1]), (0.5, [0.05, 0.05]), (1e-5, [1e-6, 1e-6])]
)
def test_clipped_actions_are_measured_by_what_is_less(bound: float, most: Any) -> None:
    box, seen = spaces.Box(-bound, bound, (2,)), np.array([[3, 0.2], [-1, 0.1]])
    found, largest = accepted(box, seen, 0.1, squashed=False)
    np.testing.assert_allclose(found, most, rtol=1e-6)
    np.testing.assert_allclose(largest, [0.3, 0.1])


@pytest.mark.parametrize("box", [FAR, SMALL, exported.BOX])
@pytest.mark.parametrize("algorithm", [sb3.PPO, sb3.TD3])
def test_two_per_cent_of_any_box_are_wrong(box: Any, algorithm: Any) -> None:
    model: Any = exported.anyhow(exported.BOX, box, algorithm)
    agent = asked(trace(model))
    share = np.float32(0.02) * (box.high - box.low)
    off = Agent(agent.facts, lambda *x: [a + share for a in agent.run(*x)])
    check_against(agent, model, None)
    with pytest.raises(ExportError, match="acts differently"):
        check_against(off, model, None)
