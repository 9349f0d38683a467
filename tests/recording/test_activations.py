"""Tests for activations.py."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import ofexi_zoo
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from user_networks import make_user_model
from zoo import ALGORITHMS, STOCK, make_model, observations, train

import sb3_prune as sp
from sb3_prune.exceptions import NonFiniteError
from sb3_prune.recording import recent_activations, record_activations
from sb3_prune.surgery import wire
from sb3_prune.surgery.flow.forwards import Inputs


def hooks(policy: BasePolicy) -> int:
    return sum(len(module._forward_hooks) for module in policy.modules())


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("stock", [False, True])
def test_every_layer_is_recorded(name: str, stock: bool) -> None:
    model = train(make_model(name, stock=stock and name in STOCK))
    recorded = recent_activations(model, batch_size=8)
    wiring = wire(model.policy)
    assert list(recorded) == list(wiring)
    for layer, hidden in recorded.items():
        assert hidden.shape == (8, wiring[layer].units)
        assert not hidden.requires_grad
        assert bool(hidden.isfinite().all())


@pytest.mark.parametrize("name", ofexi_zoo.FORMS)
def test_features_that_are_known_are_recorded_anew(name: str) -> None:
    model = ofexi_zoo.trained(name)
    obs = observations(model, 8)
    model.predict(obs)
    first, second = (record_activations(model, obs) for _ in range(2))
    assert list(first) == list(second) == list(wire(model.policy))
    assert all(torch.equal(first[layer], second[layer]) for layer in first)


def states(model: BaseAlgorithm) -> tuple[Any, ...]:
    """Return everything that recording must not touch."""
    modes = [module.training for module in model.policy.modules()]
    weights = [tensor.clone() for tensor in model.policy.state_dict().values()]
    return modes, weights, np.random.get_state()[1].copy(), torch.get_rng_state()


@pytest.mark.slow
@pytest.mark.parametrize("name", ALGORITHMS)
def test_recording_leaves_no_trace(name: str) -> None:
    model = train(make_model(name))
    for training in (True, False):
        model.policy.set_training_mode(training)
        modes, weights, numpy_state, torch_state = states(model)
        recent_activations(model)
        after = states(model)
        assert modes == after[0]
        assert all(map(torch.equal, weights, after[1]))
        assert np.array_equal(numpy_state, after[2])
        assert torch.equal(torch_state, after[3])
        assert hooks(model.policy) == 0
    train(model, 32)


@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_training_goes_on_with_state_dependent_exploration(name: str) -> None:
    algorithm = {"SAC": SAC, "PPO": PPO}[name]
    short = {"learning_starts": 8} if name == "SAC" else {"n_steps": 16}
    agent = algorithm("MlpPolicy", "Pendulum-v1", use_sde=True, batch_size=8, **short)
    train(agent, 32)
    assert len(recent_activations(agent)) >= 4
    train(agent, 32)


def test_recording_leaves_no_trace_after_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = train(make_model("SAC"))
    model.policy.set_training_mode(True)
    modes = states(model)[0]
    monkeypatch.setattr(model.critic, "forward", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        recent_activations(model)
    assert states(model)[0] == modes
    assert hooks(model.policy) == 0


def test_units_equal_a_direct_computation() -> None:
    model = make_model("PPO")
    obs = observations(model, 16)
    recorded = record_activations(model, obs)
    for network, body in (
        ("policy_net", model.policy.mlp_extractor.policy_net),
        ("value_net", model.policy.mlp_extractor.value_net),
    ):
        hidden = torch.as_tensor(obs)
        for name, layer in wire(model.policy).items():
            if network in name:
                with torch.no_grad():
                    hidden = layer.module(hidden).tanh()
                torch.testing.assert_close(recorded[name], hidden)
        with torch.no_grad():
            torch.testing.assert_close(body(torch.as_tensor(obs)), hidden)


@pytest.mark.parametrize("name", ["SAC", "TD3", "TQC", "CrossQ"])
def test_critics_see_the_given_actions_or_those_of_the_actor(name: str) -> None:
    model = make_model(name)
    obs = torch.as_tensor(observations(model, 8))
    model.policy.set_training_mode(False)
    with torch.no_grad():
        chosen = model.actor._predict(obs, deterministic=True)
    alone = record_activations(model, obs)
    same = record_activations(model, Inputs(observations=obs, actions=chosen))
    other = record_activations(model, Inputs(observations=obs, actions=chosen + 1))
    for layer, hidden in alone.items():
        torch.testing.assert_close(hidden, same[layer])
        if layer.startswith("critic"):
            assert not torch.equal(hidden, other[layer])


@pytest.mark.parametrize("name", ["SAC", "CrossQ", "DQN", "PPO"])
def test_closed_units_are_recorded_as_zero(name: str) -> None:
    model = train(make_model(name))
    layers = wire(model.policy)
    for layer in layers.values():
        assert layer.gate is not None
        layer.gate.close([0, 3], like=layer.module.bias)
    for hidden in recent_activations(model).values():
        assert not bool(hidden[:, [0, 3]].any())
        assert bool(hidden.any())


def test_recurrent_policies_default_to_the_start_of_an_episode() -> None:
    model = make_model("RecurrentPPO")
    obs = observations(model, 5)
    recorded = record_activations(model, obs)
    zeros = torch.zeros(1, 5, 8)
    with torch.no_grad():
        latent, _ = model.policy.lstm_actor(torch.as_tensor(obs)[None], (zeros, zeros))
        first = next(iter(wire(model.policy).values()))
        expected = first.module(latent[0]).tanh()
    torch.testing.assert_close(recorded[first.name], expected)


class Pairs(gym.Env):  # type: ignore[type-arg]
    """An environment of dictionaries."""

    observation_space = spaces.Dict(
        {"a": spaces.Box(-1, 1, (2,)), "b": spaces.Discrete(3)}
    )
    action_space = spaces.Box(-1, 1, (1,))

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        return self.observation_space.sample(), 0.0, False, False, {}


@pytest.mark.parametrize("algorithm", [SAC, PPO])
def test_dictionaries_of_observations(algorithm: type) -> None:
    arguments = {"learning_starts": 8} if algorithm is SAC else {"n_steps": 16}
    model = algorithm(
        "MultiInputPolicy",
        Pairs(),
        batch_size=8,
        policy_kwargs={"net_arch": [6]},
        **arguments,
    )
    train(model, 16)
    recorded = recent_activations(model, 10)
    assert {hidden.shape for hidden in recorded.values()} == {(10, 6)}
    obs = {"a": np.zeros((4, 2), np.float32), "b": np.zeros(4, int)}
    by_hand = record_activations(model, obs)
    as_tensors = {key: torch.as_tensor(value) for key, value in obs.items()}
    for name, hidden in record_activations(model, as_tensors).items():
        assert torch.equal(hidden, by_hand[name])


def test_bad_observations_are_refused() -> None:
    model = make_model("SAC")
    obs = observations(model, 4)
    with pytest.raises(NonFiniteError, match="observations to record on are NaN"):
        record_activations(model, np.full_like(obs, np.nan))
    actions = torch.full((4, 1), torch.inf)
    with pytest.raises(NonFiniteError, match="actions to record on are NaN"):
        record_activations(
            model, Inputs(observations=torch.as_tensor(obs), actions=actions)
        )


@pytest.mark.parametrize("name", ["from-scratch", "dueling-dqn", "functional"])
def test_policies_of_ones_own_are_recorded(name: str) -> None:
    model = make_user_model(name, masked=sp.MaskedPolicyMixin)
    model.learn(64)
    units = sp.wire(model.policy).units()
    recorded = recent_activations(model, 16)
    assert {layer: array.shape[1] for layer, array in recorded.items()} == units
    assert all(bool(array.any()) for array in recorded.values())
