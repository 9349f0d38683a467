"""Tests for recorder.py: against a slow recording, one environment at a time."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import ofexi_zoo
import pytest
import torch
from sb3_prune_envs import SB3VecEnv, make_arm_vec
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from tqdm.auto import tqdm
from zoo import ALGORITHMS, make_env, make_model, trained

import sb3_prune as sp
from sb3_prune.exceptions import ConfigError, NonFiniteError
from sb3_prune.recording import Recording, record_activations, record_episodes, recorder
from sb3_prune.recording.recorder import time_limit
from sb3_prune.surgery import wire

from .worlds import Broken, Countdown, Endless, Pairs, Still

SMALL = {"policy_kwargs": {"net_arch": [6, 5]}, "device": "cpu", "seed": 0}


def vector(env: Any, count: int) -> DummyVecEnv:
    return DummyVecEnv([env] * count)


def agent(env: Any = Countdown) -> DQN:
    return DQN("MlpPolicy", env(), buffer_size=10, **SMALL)


def slowly(model: Any, make: Any, env: int, count: int, seed: int) -> list[Any]:
    """Play ``count`` episodes in environment ``env`` of a vector, alone."""
    world, episodes = make(), []
    observation, _ = world.reset(seed=seed + env)
    for _ in range(count):
        seen, rewards, done = [], [], False
        while not done:
            seen.append(observation)
            action = model.predict(observation, deterministic=True)[0]
            observation, reward, *ends, _ = world.step(action)
            rewards.append(reward)
            done = any(ends)
        units = record_activations(model, np.array(seen))
        episodes.append((np.array(seen), np.array(rewards), units))
        observation, _ = world.reset()
    return episodes


def assert_equal_slow(recording: Recording, model: Any, make: Any, n: int) -> None:
    for env in range(n):
        rows = range(env, recording.episodes, n)
        alone = slowly(model, make, env, len(rows), seed=5)
        for row, (seen, rewards, units) in zip(rows, alone, strict=True):
            length = recording.lengths[row]
            assert length == len(seen)
            found = recording.observations[row, :length]
            np.testing.assert_allclose(found, seen, atol=1e-4)
            assert not recording.observations[row, length:].any()
            np.testing.assert_allclose(
                recording.rewards[row, :length], rewards, atol=1e-4
            )
            for name, expected in units.items():
                found = recording.activations[name][row]
                np.testing.assert_allclose(found[:length], expected, atol=1e-4)
                assert not found[length:].any()


@pytest.mark.parametrize("n", [1, 3, 8])
@pytest.mark.parametrize("limit", [0, 1 << 20])
def test_equal_to_a_slow_recording(n: int, limit: int) -> None:
    model = agent()
    options: dict[str, Any] = {"episodes": 7, "max_steps": 10, "memory_limit": limit}
    recording = record_episodes(model, vector(Countdown, n), seed=5, **options)
    assert_equal_slow(recording, model, Countdown, n)
    assert recording.rewards.shape == (7, recording.lengths.max())
    assert len(set(recording.lengths)) > 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in ALGORITHMS if name != "RecurrentPPO"]
)
def test_every_algorithm(name: str) -> None:
    model = trained(name)
    make = partial(make_env, name)
    recording = record_episodes(model, vector(make, 2), episodes=3, seed=5)
    assert recording.units() == wire(model.policy).units()
    assert recording.episodes == 3
    assert (recording.lengths > 0).all()
    assert_equal_slow(recording, model, make, 2)


def test_recurrent_agents_remember() -> None:
    """Equal to SB3's own forward pass over one episode after the other."""
    model = trained("RecurrentPPO")
    env = vector(partial(gym.make, "CartPole-v1"), 3)
    recording = record_episodes(model, env, episodes=6, seed=5)
    layers = wire(model.policy)
    for row, length in enumerate(recording.lengths):
        seen = torch.as_tensor(recording.observations[row, :length])
        for network, lstm in (("policy", "actor"), ("value", "critic")):
            hidden = getattr(model.policy, f"lstm_{lstm}")(seen[:, None])[0][:, 0]
            for name in (name for name in layers if network in name):
                hidden = layers[name].module(hidden).tanh()
                found = torch.as_tensor(recording.activations[name][row, :length])
                torch.testing.assert_close(found, hidden, atol=1e-5, rtol=1e-5)


def test_masks_of_actions_are_kept() -> None:
    class OnlyRight(gym.Wrapper):  # type: ignore[type-arg]
        """CartPole that allows one action."""

        def action_masks(self) -> np.ndarray:
            return np.array([False, True])

        def step(self, action: Any) -> Any:
            assert action == 1
            return super().step(action)

    env = vector(lambda: OnlyRight(gym.make("CartPole-v1")), 2)
    recording = record_episodes(trained("MaskablePPO"), env, episodes=4, seed=0)
    assert recording.lengths.max() < 15


def test_seeds_are_reproducible_and_none_goes_on() -> None:
    model, env = agent(), vector(Countdown, 2)
    first, again = (record_episodes(model, env, episodes=4, seed=1) for _ in range(2))
    state = np.random.get_state()[1].copy()
    later = record_episodes(model, env, episodes=4)
    assert np.array_equal(np.random.get_state()[1], state)
    assert np.array_equal(first.observations, again.observations)
    assert not np.array_equal(first.observations[0, 0], later.observations[0, 0])
    longer = record_episodes(model, env, episodes=6, seed=1)
    steps = first.rewards.shape[1]
    assert np.array_equal(longer.observations[:4, :steps], first.observations)


@pytest.mark.slow
def test_normalised_observations_and_true_rewards() -> None:
    env = VecNormalize(vector(partial(gym.make, "Pendulum-v1"), 2))
    model = PPO("MlpPolicy", env, n_steps=64, batch_size=64, **SMALL)
    model.learn(256)
    mean = env.obs_rms.mean.copy()
    found = record_episodes(model, env, episodes=2, seed=5)
    assert np.array_equal(env.obs_rms.mean, mean)
    assert env.training
    assert env.norm_reward
    plain, _ = gym.make("Pendulum-v1").reset(seed=5)
    assert found.observations[0, 0] == pytest.approx(env.normalize_obs(plain), abs=1e-5)
    assert found.rewards.sum(axis=1).max() < -300


def test_endless_episodes_are_cut_off() -> None:
    model, env = agent(), vector(Endless, 2)
    recording = record_episodes(model, env, episodes=5, max_steps=4, seed=0)
    assert recording.lengths.tolist() == [4] * 5
    starts = recording.observations[:, 0]
    assert (starts[:, 1] == 0).all()
    assert len(np.unique(starts[:, 0])) == 5


def test_long_episodes_among_short_ones_are_cut_off() -> None:
    model, env = agent(), vector(Countdown, 3)
    recording = record_episodes(model, env, episodes=20, max_steps=3, seed=0)
    assert set(recording.lengths) == {1, 2, 3}
    assert (recording.observations[:, 0, 1] == 0).all()
    assert np.array_equal(recording.rewards[:, 0], np.ones(20))


def test_dictionaries_of_observations_are_put_in_a_row() -> None:
    model = DQN("MultiInputPolicy", Pairs(), buffer_size=10, **SMALL)
    recording = record_episodes(model, vector(Pairs, 2), episodes=4, seed=0)
    assert recording.observations.shape[2] == 3
    assert (recording.observations[:, 0, 1:] == 0).all()


def test_limits_of_time() -> None:
    assert time_limit(make_arm_vec(2)) == 60
    assert time_limit(vector(partial(gym.make, "CartPole-v1"), 2)) == 500
    short = partial(gym.make, "CartPole-v1", max_episode_steps=9)
    assert time_limit(VecNormalize(DummyVecEnv([short, short]))) == 9
    assert time_limit(vector(Countdown, 2)) == 1000


@pytest.mark.parametrize("limit", [10, 100])
def test_episodes_of_arms_with_another_limit_are_whole(limit: int) -> None:
    native = {"num_envs": 2, "max_episode_steps": limit, "action_mode": "branch"}
    arms = SB3VecEnv(gym.make_vec("sb3_prune/PlanarArm2-v0", **native))
    model = sp.BranchingDQN(sp.BranchingDQNPolicy, make_arm_vec(1, n_joints=2), **SMALL)
    assert record_episodes(model, arms, episodes=4).lengths.tolist() == [limit] * 4


def test_large_recordings_go_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Storage(recorder.Storage):
        """Tells what it decided."""

        def __init__(self, numbers: int, limit: int) -> None:
            super().__init__(numbers, limit)
            made.append((numbers, self.on_disk))

    monkeypatch.setattr(recorder, "Storage", Storage)
    model, arms = (
        make_model("BranchingDQN"),
        vector(partial(make_env, "BranchingDQN"), 2),
    )
    numbers = 4 * 20 * (12 + 10 + 3 + 1)
    for limit, on_disk in ((4 * numbers, False), (4 * numbers - 1, True)):
        record_episodes(model, arms, episodes=4, max_steps=20, memory_limit=limit)
        assert made.pop() == (numbers, on_disk)


def test_the_bar_is_shown_on_terminals_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        """Says that it is one."""

        def isatty(self) -> bool:
            return True

    def shown(file: Any, delay: float, progress: bool = True) -> str:
        def bar(**kwargs: Any) -> Any:
            assert kwargs.pop("delay") == 2
            return tqdm(**kwargs, delay=delay, file=file)

        monkeypatch.setattr(recorder, "tqdm", bar)
        env = vector(Countdown, 2)
        record_episodes(agent(), env, episodes=4, seed=0, progress=progress)
        return str(file.getvalue())

    assert "4/4" in shown(Terminal(), 1e-9)
    assert shown(Terminal(), 60) == ""
    assert shown(Terminal(), 1e-9, progress=False) == ""
    assert shown(io.StringIO(), 1e-9) == ""


@pytest.mark.parametrize(
    "wrong", [{"episodes": 0}, {"episodes": "a"}, {"max_steps": 0}, {"seed": -1}]
)
def test_bad_arguments_are_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} must be"):
        record_episodes(agent(), vector(Countdown, 1), **wrong)


def test_bad_observations_are_refused() -> None:
    with pytest.raises(NonFiniteError, match="observations to record on are NaN"):
        record_episodes(agent(), vector(Broken, 1), episodes=1)


@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_features_of_an_observation_that_stays_are_recorded(name: str) -> None:
    model = ofexi_zoo.make_model(name, env=Still())
    found = record_episodes(model, vector(Still, 1), episodes=3, progress=False)
    assert found.lengths.max() > 1
    for layer in found.activations:
        units = found.steps(layer)
        assert units.any() and bool((units == units[0]).all())
