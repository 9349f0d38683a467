"""Tests for transplanting/states.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo
from stable_baselines3.common.vec_env import DummyVecEnv

from sb3_prune.exceptions import TransplantError
from sb3_prune.recording import play_inputs
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.transplanting import transplant
from sb3_prune.transplanting.heads import find_heads
from sb3_prune.transplanting.states import listen, sample_states
from transplanting.made import env_of, trained


def test_recent_observations_come_first() -> None:
    states, source = sample_states(trained("SAC"))
    assert source == "recent observations" and len(states) == 96
    states, source = sample_states(zoo.make_model("SAC", env=env_of("SAC")))
    assert source == "draws from the space" and len(states) == 1024


def test_given_observations_come_before_all() -> None:
    model = trained("SAC")
    env = DummyVecEnv([lambda: env_of("SAC")])
    played = play_inputs(model, env, episodes=3, progress=False)
    states, source = sample_states(model, played)
    assert source == "given observations" and len(states) == 120


@pytest.mark.parametrize(
    ("observed", "why"),
    [
        (
            torch.zeros(30, 5),
            "must be what .* returns, got Tensor",
        ),
        (Inputs(observations=torch.zeros(30, 4)), r"'shape': \(4,\).* old agent sees"),
        (Inputs(observations=torch.zeros(0, 5)), "old agent sees"),
    ],
)
def test_other_observations_are_refused(observed: Any, why: str) -> None:
    with pytest.raises(TransplantError, match=why):
        transplant(trained("PPO"), env=env_of("PPO"), observed=observed)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_heads_say_what_they_compute(name: str) -> None:
    model: Any = trained(name)
    states, _ = sample_states(model)
    heads = find_heads(model.policy, 4)
    before = zoo.snapshot(model.policy)
    said = listen(model.policy, heads, states)
    zoo.assert_same(zoo.snapshot(model.policy), before)
    assert said[0] is not None
    assert said[0].shape == (len(states), 4 * heads[0].repeats)
    if name == "DQN":
        assert said[1] is None  # Acting does not run the target.
        with torch.no_grad():
            torch.testing.assert_close(said[0], model.q_net(states))
