"""Tests for callbacks/observed.py."""

from __future__ import annotations

import pytest
import zoo

from sb3_prune.callbacks.observed import Observed
from sb3_prune.exceptions import FewObservationsError
from sb3_prune.recording.observations import count_observations
from sb3_prune.surgery.wiring import wire


def observed(fits: bool) -> tuple[Observed, list[int]]:
    """Add four rollouts of A2C, of 8 observations each; return their counts."""
    model, seen, counts = zoo.make_model("A2C"), Observed(), []
    seen.look(model, wire(model))
    seen.begin(goes_on=False)
    for _ in range(4):
        zoo.train(model, 8)
        seen.add_rollout(fits=fits)
        counts.append(count_observations(seen.many().observations))
    return seen, counts


@pytest.mark.parametrize("fits", [True, False])
def test_rollouts_that_are_too_short_add_up(fits: bool) -> None:
    seen, counts = observed(fits)
    assert counts == [8, 16, 24, 32]
    assert count_observations(seen.some().observations) == 32
    seen.begin(goes_on=True)
    assert count_observations(seen.some().observations) == 32
    seen.begin(goes_on=False)
    assert count_observations(seen.many().observations) == 8  # Those of the model.


def test_too_few_are_refused() -> None:
    model, seen = zoo.train(zoo.make_model("A2C"), 8), Observed()
    seen.look(model, wire(model))
    seen.add_rollout(fits=False)
    message = "on 8 observations, but needs 20: let rollouts have more steps"
    with pytest.raises(FewObservationsError, match=message):
        seen.some()


def test_one_long_rollout_is_kept_for_who_fits_nothing() -> None:
    model, seen = zoo.train(zoo.make_model("PPO"), 32), Observed()
    seen.look(model, wire(model))
    seen.add_rollout(fits=False)
    model.rollout_buffer.reset()
    assert seen.reservoir.inputs() is None
    assert count_observations(seen.many().observations) == 32


@pytest.mark.parametrize(("name", "left"), [("RecurrentPPO", 0), ("PPO", 32)])
def test_states_of_lstms_are_forgotten(name: str, left: int) -> None:
    model, seen = zoo.train(zoo.make_model(name), 32), Observed()
    seen.look(model, wire(model))
    seen.add_rollout(fits=True)
    model.rollout_buffer.reset()
    seen.forget_states()
    kept = seen.reservoir.inputs(model.device)
    assert left == (count_observations(kept.observations) if kept else 0)
