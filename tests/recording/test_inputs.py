"""Tests for inputs.py."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize
from zoo import ALGORITHMS, is_off_policy, make_model, train

from sb3_prune.exceptions import FewObservationsError, SB3PruneError
from sb3_prune.recording import recent_inputs
from sb3_prune.recording.inputs import LEAST_INPUTS, require_inputs
from sb3_prune.surgery.flow.forwards import Inputs


@pytest.mark.parametrize("name", ALGORITHMS)
def test_inputs_come_from_the_buffer(name: str) -> None:
    model = train(make_model(name))
    inputs = recent_inputs(model, batch_size=8)
    assert isinstance(inputs.observations, torch.Tensor)
    assert inputs.observations.shape == (8, *model.observation_space.shape)
    assert (inputs.actions is not None) == is_off_policy(model)


@pytest.mark.parametrize("name", ["SAC", "DQN", "PPO", "RecurrentPPO"])
def test_random_state_stays(name: str) -> None:
    model = train(make_model(name))
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    recent_inputs(model)
    assert np.array_equal(before[0], np.random.get_state()[1])
    assert torch.equal(before[1], torch.get_rng_state())


def test_a_model_that_has_seen_nothing_says_so() -> None:
    for name in ("SAC", "PPO"):
        model = make_model(name)
        with pytest.raises(SB3PruneError, match=f"{name} are empty. Call learn"):
            recent_inputs(model)


def test_the_last_observation_serves_when_the_buffer_is_empty() -> None:
    model = train(make_model("PPO"))
    model.rollout_buffer.reset()
    found = recent_inputs(model).observations
    assert np.array_equal(found, model._last_obs)


class Watch(BaseCallback):
    """Take the inputs at the end of each rollout, before it is trained on."""

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self.before: Inputs = recent_inputs(self.model, batch_size=1000)


@pytest.mark.parametrize("name", ["PPO", "RecurrentPPO"])
def test_training_on_a_rollout_does_not_change_what_it_holds(name: str) -> None:
    model = make_model(name)
    watch = Watch()
    train(model, 32, callback=watch)
    before, after = watch.before, recent_inputs(model, batch_size=1000)
    assert torch.equal(before.observations, after.observations)
    if name == "RecurrentPPO":
        pairs = zip(
            [*before.lstm_states.pi, *before.lstm_states.vf],
            [*after.lstm_states.pi, *after.lstm_states.vf],
            strict=True,
        )
        assert all(torch.equal(a, b) for a, b in pairs)


def test_recurrent_states_reproduce_the_values_of_the_rollout() -> None:
    model = make_model("RecurrentPPO")
    stored = {}

    class Compare(Watch):
        def _on_rollout_end(self) -> None:
            super()._on_rollout_end()
            buffer = self.model.rollout_buffer
            inputs = self.before
            starts = torch.zeros(len(inputs.observations))
            with torch.no_grad():
                stored["new"] = self.model.policy.predict_values(
                    inputs.observations, inputs.lstm_states.vf, starts
                ).flatten()
            stored["old"] = torch.as_tensor(buffer.values).flatten()

    train(model, 32, callback=Compare())
    torch.testing.assert_close(stored["new"], stored["old"], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("algorithm", [SAC, PPO])
def test_inputs_are_normalised_as_in_training(algorithm: type) -> None:
    env = VecNormalize(make_vec_env("Pendulum-v1", n_envs=2, seed=0))
    arguments = {"learning_starts": 8} if algorithm is SAC else {"n_steps": 32}
    model = algorithm("MlpPolicy", env, batch_size=16, seed=0, **arguments)
    train(model, 64)
    found = recent_inputs(model, 40).observations
    assert found.shape == (40, 3)
    # Normalised speeds are of size 1; raw ones reach 8.
    assert 0.1 < float(found[:, 2].std()) < 3
    assert float(found.abs().max()) > 1.0 + 1e-6


def test_activations_take_a_least_number_of_observations() -> None:
    require_inputs(LEAST_INPUTS, "hint")
    message = "on 19 observations, but needs 20: play more."
    with pytest.raises(FewObservationsError, match=message):
        require_inputs(19, "play more")
