"""Tests for recording/playing.py."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
import zoo
from gymnasium import spaces
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from transplanting.made import Toy

from recording.worlds import Countdown, Pairs
from sb3_prune.exceptions import ConfigError
from sb3_prune.recording import play_inputs, playing
from sb3_prune.recording.observations import count_observations
from sb3_prune.recording.playing import play_episodes


def env_of(name: str, count: int = 2, seed: int = 5) -> Any:
    env = DummyVecEnv([lambda: zoo.make_env(name)] * count)
    env.seed(seed)
    return env


def flat(inputs: Any) -> torch.Tensor:
    seen = inputs.observations
    return (
        torch.cat([v.float().flatten() for v in seen.values()])
        if isinstance(seen, dict)
        else seen.float().flatten()
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.ALGORITHMS)
@pytest.mark.parametrize("states", ["greedy", "stochastic", "both"])
def test_an_agent_that_plays_stays_as_it_is(name: str, states: Any) -> None:
    model: Any = zoo.trained(name)
    if hasattr(model, "exploration_rate"):
        model.exploration_rate = 0.5  # It draws from the action space.
    model.policy.set_training_mode(True)
    before = zoo.snapshot(model.policy), np.random.get_state()[1].copy()
    drawn, space = torch.get_rng_state(), model.action_space
    actions = repr(space.np_random.bit_generator.state)
    first = play_inputs(model, env_of(name), episodes=2, states=states)
    again = play_inputs(model, env_of(name), episodes=2, states=states)
    assert torch.equal(flat(first), flat(again))
    assert count_observations(first.observations) > 1
    zoo.assert_same(zoo.snapshot(model.policy), before[0], identities=True)
    assert model.policy.training and model.action_space is space
    assert repr(space.np_random.bit_generator.state) == actions
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert torch.equal(torch.get_rng_state(), drawn)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["PPO", "SAC", "DQN", "MaskablePPO", "RecurrentPPO"])
def test_another_seed_draws_other_actions(name: str) -> None:
    model: Any = zoo.trained(name)
    if hasattr(model, "exploration_rate"):
        model.exploration_rate = 0.5
    found = [
        flat(play_inputs(model, env_of(name), states="stochastic", seed=seed))
        for seed in (0, 1)
    ]
    assert not torch.equal(found[0][:2000], found[1][:2000])
    greedy = [
        flat(play_inputs(model, env_of(name), states="greedy", seed=seed, episodes=2))
        for seed in (0, 1)
    ]
    assert torch.equal(*greedy)


def test_both_ways_are_the_one_after_the_other() -> None:
    model = zoo.trained("PPO")
    env = env_of("PPO")
    greedy = play_inputs(model, env, episodes=3, states="greedy")
    drawn = play_inputs(model, env, episodes=3, states="stochastic")
    both = play_inputs(model, env_of("PPO"), episodes=3, states="both")
    assert torch.equal(flat(both), torch.cat([flat(greedy), flat(drawn)]))


@pytest.mark.parametrize("name", ["SAC", "TD3", "TQC", "CrossQ", "ValueSAC"])
def test_critics_get_the_actions_that_were_taken(name: str) -> None:
    model: Any = zoo.trained(name)
    inputs = play_inputs(model, env_of(name, 1), episodes=1, states="greedy")
    seen, acts = inputs.observations, inputs.actions
    assert isinstance(seen, torch.Tensor) and acts is not None
    with torch.no_grad():
        model.policy.set_training_mode(False)
        expected = model.policy._predict(seen, deterministic=True)
    torch.testing.assert_close(acts, expected, atol=1e-5, rtol=1e-5)
    drawn = play_inputs(model, env_of(name, 1), episodes=1, states="stochastic").actions
    assert drawn is not None and float(drawn.abs().max()) <= 1.0


def test_critics_get_actions_of_several_axes_as_vectors() -> None:
    panel = Toy(3, spaces.Box(-2, 3, (2, 2)))
    model = zoo.make_model("SAC", env=panel)
    inputs = play_inputs(model, DummyVecEnv([lambda: panel]), episodes=1)
    assert inputs.actions is not None and inputs.actions.shape == (40, 4)
    assert float(inputs.actions.abs().max()) <= 1.0


def test_states_of_both_lstms_reproduce_what_the_agent_did() -> None:
    """With the noted states, each observation alone gives the value of the episode."""
    model: Any = zoo.trained("RecurrentPPO")
    inputs = play_inputs(model, env_of("RecurrentPPO", 1), episodes=1, states="greedy")
    assert inputs.lstm_states is not None
    seen, starts = inputs.observations, torch.zeros(len(inputs.observations))
    policy = model.policy
    zeros = torch.zeros(1, 1, policy.lstm_critic.hidden_size)
    with torch.no_grad():
        alone = policy.predict_values(seen, inputs.lstm_states.vf, starts)
        whole = policy.predict_values(seen, (zeros, zeros), starts)
    torch.testing.assert_close(alone, whole, atol=1e-5, rtol=1e-5)
    assert not inputs.lstm_states.pi[0][:, 0].any()
    assert bool(inputs.lstm_states.pi[0][:, 1].any())


def test_statistics_of_a_normalisation_are_frozen_and_used() -> None:
    env = VecNormalize(env_of("TRPO"))
    model = zoo.train(zoo.make_model("TRPO", env=env))
    mean, count = env.obs_rms.mean.copy(), env.obs_rms.count
    inputs = play_inputs(model, env, episodes=1)
    assert np.array_equal(env.obs_rms.mean, mean) and env.obs_rms.count == count
    assert env.training and env.norm_reward
    speeds = inputs.observations[:, 2]
    assert 0.1 < float(speeds.std()) < 3
    found = play_episodes(model, env, episodes=2, states="greedy")
    assert found.returns.shape == (2,) and bool((found.returns < -100).all())


@pytest.mark.parametrize(("episodes", "each"), [(1, 1), (3, 1), (4, 2)])
def test_every_environment_plays_as_many_episodes(episodes: int, each: int) -> None:
    env = DummyVecEnv([Countdown] * 3)
    env.seed(0)
    model = A2C("MlpPolicy", env, device="cpu", seed=0)
    found = play_episodes(model, env, episodes=episodes, states="greedy")
    assert found.returns.shape == (3 * each,)
    # An episode of n steps earns 1 + ... + n.
    assert set(found.returns) <= {1.0, 3.0, 6.0, 10.0, 15.0, 21.0}


def test_dictionaries_and_whole_numbers_are_played() -> None:
    env = DummyVecEnv([Pairs] * 2)
    model = A2C("MultiInputPolicy", env, device="cpu", seed=0)
    seen = play_inputs(model, env, episodes=2).observations
    assert isinstance(seen, dict) and seen.keys() == {"a", "b"}
    assert len(seen["a"]) == len(seen["b"]) > 4


def test_of_too_many_steps_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    model = zoo.trained("SAC")
    whole = play_inputs(model, env_of("SAC"), episodes=2)
    monkeypatch.setattr(playing, "MOST", 50)
    found = play_inputs(model, env_of("SAC"), episodes=2)
    assert found.observations.shape == (50, 3) and len(found.actions) == 50
    where = [
        (whole.observations == row).all(1).nonzero()[0].item()
        for row in found.observations
    ]
    assert where == sorted(set(where))
    assert torch.equal(found.actions, whole.actions[where])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"episodes": 0}, "episodes must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"seed": "a"}, "seed must be a whole number"),
        ({"states": "x"}, "states.*'x'"),
    ],
)
def test_bad_options_are_refused(options: Any, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        play_inputs(zoo.trained("SAC"), env_of("SAC"), **options)


def test_a_policy_of_double_precision_plays() -> None:
    model = zoo.train(zoo.make_model("SAC"))
    model.policy.double()
    inputs = play_inputs(model, env_of("SAC"), episodes=1)
    assert count_observations(inputs.observations) == 800


def test_returns_are_those_of_the_environment() -> None:
    def scaled() -> gym.Env[Any, Any]:
        env = Monitor(gym.make("CartPole-v1", max_episode_steps=5))
        return gym.wrappers.TransformReward(env, lambda reward: reward / 100)

    env = DummyVecEnv([scaled])
    model = PPO("MlpPolicy", env, n_steps=8, batch_size=8, device="cpu")
    played = play_episodes(model, env, episodes=2, states="greedy")
    assert played.returns.tolist() == [5, 5]


class Lives(gym.Wrapper[Any, Any, Any, Any]):
    """Ends an episode every five steps, though the environment goes on."""

    def reset(self, **more: Any) -> Any:
        self.steps = 0
        if getattr(self, "over", True):
            self.seen = super().reset(**more)[0]
        self.over = False
        return self.seen, {}

    def step(self, action: Any) -> Any:
        self.seen, reward, lost, cut, info = super().step(action)
        self.steps, self.over = self.steps + 1, lost or cut
        return self.seen, reward, lost or self.steps % 5 == 0, cut, info


class Level(gym.Env[Any, Any]):
    """Fifteen steps of reward 1."""

    observation_space = gym.spaces.Box(-1, 1, (2,))
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        return np.zeros(2, np.float32), 1.0, self.steps == 15, False, {}


def test_lives_are_no_episodes() -> None:
    env = DummyVecEnv([lambda: Lives(Monitor(Level()))])
    model = PPO("MlpPolicy", env, n_steps=8, batch_size=8, device="cpu")
    played = play_episodes(model, env, episodes=2, states="greedy")
    assert played.returns.tolist() == [15, 15]


def test_episodes_that_a_wrapper_ends_are_episodes() -> None:
    """The Monitor inside of the wrapper never reports them."""
    inner = gym.make("CartPole-v1")
    env = DummyVecEnv([lambda: gym.wrappers.TimeLimit(Monitor(inner), 7)])
    model = PPO("MlpPolicy", env, n_steps=8, batch_size=8, device="cpu")
    played = play_episodes(model, env, episodes=2, states="greedy")
    assert played.returns.tolist() == [7, 7]
