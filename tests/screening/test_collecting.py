"""Tests for collecting.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import zoo
from gymnasium import spaces
from sb3_contrib import ARS
from stable_baselines3 import A2C
from stable_baselines3.common.env_util import make_vec_env
from transplanting.made import Toy

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.surgery.flow.quiet import quiet
from screening.made import STEPS, Counting, Watching, window, window_of


def test_steps_of_all_environments_count() -> None:
    model = A2C("MlpPolicy", make_vec_env("CartPole-v1", 3, seed=0), seed=0)
    watching = Watching(10)
    model.learn(100, watching)
    found = watching.window
    assert found.rewards.shape == found.ends.shape == found.actions.shape == (4, 3)
    assert found.inputs.observations.shape == (12, 4)  # type: ignore[union-attr]
    seen = np.concatenate([each["new_obs"] for each in watching.seen])
    assert np.array_equal(found.inputs.observations[3:], seen[:-3])  # type: ignore[index]
    assert np.array_equal(found.last, seen[-3:])  # type: ignore[arg-type]


def test_who_does_not_show_its_steps_is_refused() -> None:
    model = ARS("LinearPolicy", "CartPole-v1", n_delta=1, seed=0)
    with pytest.raises(UnsupportedPolicyError, match="ARS does not show its steps"):
        model.learn(10, Watching())


def test_the_window_is_what_the_algorithm_stores() -> None:
    model = A2C("MlpPolicy", "CartPole-v1", n_steps=16, seed=0)
    watching = Watching(17)
    model.learn(32, watching)
    buffer: Any = model.rollout_buffer  # Emptied at step 17, with its arrays kept.
    first = watching.window
    assert first.rewards.shape == (17, 1)

    class Kept(Watching):
        def _on_rollout_end(self) -> None:
            self.buffer = {
                n: getattr(buffer, n).copy()
                for n in ("observations", "actions", "rewards")
            }

    again, kept = A2C("MlpPolicy", "CartPole-v1", n_steps=16, seed=0), Kept(17)
    buffer = again.rollout_buffer
    again.learn(32, kept)
    seen = kept.window.inputs.observations
    assert np.array_equal(seen[:16], kept.buffer["observations"][:, 0])  # type: ignore[index]
    assert np.array_equal(kept.window.actions[:16], kept.buffer["actions"][:, 0])
    assert np.array_equal(kept.window.rewards[:16], kept.buffer["rewards"])


def test_episodes_that_a_time_limit_cuts_off_are_noted() -> None:
    env = make_vec_env(Counting, 2)
    watching = Watching(12)
    A2C("MlpPolicy", env, seed=0).learn(100, watching)
    cuts = watching.window.cuts
    assert [(cut.step, cut.environment) for cut in cuts] == [(3, 0), (3, 1)]
    assert all(float(cut.observation[0, 0]) == 4 for cut in cuts)  # type: ignore[index]


def test_critics_read_the_actions_of_the_window() -> None:
    actions = window("SAC").inputs.actions
    assert actions is not None and actions.shape == (STEPS, 1)
    assert bool((actions.abs() <= 1).all()) and float(actions.std()) > 0
    assert window("DQN").inputs.actions is None
    assert window("A2C").inputs.actions is None


def test_critics_read_actions_of_several_axes_as_vectors() -> None:
    model = zoo.make_model("SAC", env=Toy(3, spaces.Box(-1, 1, (2, 2))))
    found = window_of(model)
    assert found.actions.shape == (STEPS, 1, 2, 2)
    assert found.inputs.actions is not None
    assert found.inputs.actions.shape == (STEPS, 4)
    assert "critic.qf0.0" in found.activations(["critic"])


def test_memories_are_those_that_the_agent_had() -> None:
    found = window("RecurrentPPO")
    states = found.inputs.lstm_states
    assert states is not None and states.pi[0].shape[1] == STEPS
    starts = torch.as_tensor(np.r_[True, found.ends[:-1, 0]])
    silent = (states.pi[0] == 0).all(dim=2).all(dim=0)
    assert torch.equal(silent, starts)
    with quiet(found.model.policy):
        probabilities = found.distribution().distribution.probs  # type: ignore[union-attr]
    assert probabilities.shape == (STEPS, 2)


def test_masks_are_kept() -> None:
    masks = window("MaskablePPO").masks
    assert masks is not None and masks.shape[:2] == (STEPS, 1) and masks.all()


@pytest.mark.parametrize("name", ["PPO", "SAC"])
def test_observations_are_copied(name: str) -> None:
    model = zoo.make_model(name)
    watching = Watching(3)
    zoo.train(model, 64, callback=watching)
    before = watching.window.inputs.observations.clone()  # type: ignore[union-attr]
    model._last_obs[:] = 7  # type: ignore[index]
    assert torch.equal(watching.window.inputs.observations, before)  # type: ignore[arg-type]
