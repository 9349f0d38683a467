"""Tests for sb3_prune.recording.normalisation."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import zoo
from gymnasium.wrappers import NormalizeObservation
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecNormalize,
    sync_envs_normalization,
)

import sb3_prune as sp
from sb3_prune.exceptions import ConfigError, NoObservationsError
from sb3_prune.recording import Player, recent_inputs
from sb3_prune.recording.normalisation import (
    APART,
    check_normalised,
    distance,
    frozen_statistics,
    seen,
)
from sb3_prune.recording.observations import count_observations

QUIET = {"n_steps": 64, "batch_size": 64, "device": "cpu"}


def normalised(**kwargs: Any) -> VecNormalize:
    return VecNormalize(DummyVecEnv([lambda: gym.make("Pendulum-v1")]), **kwargs)


def sac(env: Any) -> SAC:
    small = {"net_arch": [16, 16]}
    named = isinstance(getattr(env, "observation_space", None), gym.spaces.Dict)
    policy = "MultiInputPolicy" if named else "MlpPolicy"
    model = SAC(policy, env, learning_starts=50, device="cpu", policy_kwargs=small)
    return model.learn(150)


def test_statistics_are_frozen_and_go_on_later() -> None:
    env = VecNormalize(DummyVecEnv([lambda: zoo.make_env("PPO")]))
    env.reset()
    count = env.obs_rms.count
    with frozen_statistics(env):
        env.step(np.zeros(1, dtype=int))
        assert env.obs_rms.count == count
    env.step(np.zeros(1, dtype=int))
    assert env.obs_rms.count > count


def test_statistics_that_nobody_can_share_are_told() -> None:
    def env() -> DummyVecEnv:
        return DummyVecEnv([lambda: NormalizeObservation(gym.make("CartPole-v1"))])

    training = env()
    model = PPO("MlpPolicy", training, **QUIET)
    Player(model, training)
    with pytest.warns(UserWarning, match="whose statistics are its own"):
        Player(model, env())


def test_statistics_that_have_seen_nothing_are_refused(tmp_path: Path) -> None:
    model = PPO("MlpPolicy", normalised(), **QUIET).learn(64)
    with pytest.raises(ConfigError, match="have seen none, but the agent was trained"):
        sp.prune(model, "magnitude", env=normalised(), episodes=1)
    with pytest.raises(ConfigError, match="have seen none"):
        sp.evaluate(model, normalised(), episodes=1)
    model.save(tmp_path / "a.zip")
    loaded = PPO.load(tmp_path / "a.zip")
    with pytest.raises(ConfigError, match=r"have seen none, but the .* 64 steps"):
        check_normalised(loaded, normalised())
    same = normalised()
    sync_envs_normalization(model.get_env(), same)
    check_normalised(loaded, same)
    check_normalised(model, same)


def test_an_agent_is_loaded_with_what_has_seen_nothing(tmp_path: Path) -> None:
    PPO("MlpPolicy", normalised(), **QUIET).learn(64).save(tmp_path / "a.zip")
    for env in (normalised(), normalised(training=False)):
        loaded = PPO.load(tmp_path / "a.zip", env=env)
        with pytest.raises(ConfigError, match="have seen none"):
            sp.evaluate(loaded, env, episodes=1)
        env.obs_rms.count = 1
        sp.evaluate(loaded, env, episodes=1)
    loaded = PPO.load(tmp_path / "a.zip", env=normalised())
    with pytest.raises(ConfigError, match="have seen none"):
        sp.evaluate(loaded, normalised(), episodes=1)


def test_statistics_that_never_learn_stop_no_training() -> None:
    model = PPO("MlpPolicy", normalised(training=False), **QUIET).learn(64)
    check_normalised(model, normalised(training=False))


def test_an_agent_that_has_not_learnt_may_play_anywhere() -> None:
    model = PPO("MlpPolicy", normalised(), **QUIET)
    check_normalised(model, normalised())
    rewards = PPO("MlpPolicy", normalised(norm_obs=False), **QUIET).learn(64)
    check_normalised(rewards, normalised(norm_obs=False))


def test_other_statistics_are_told() -> None:
    model = PPO("MlpPolicy", normalised(), **QUIET).learn(64)
    other = normalised()
    sync_envs_normalization(model.get_env(), other)
    other.obs_rms.mean = other.obs_rms.mean + np.sqrt(other.obs_rms.var)
    with pytest.warns(UserWarning, match="others by 1 standard deviations"):
        sp.evaluate(model, other, episodes=1)


def test_normalising_what_the_agent_knows_bare_is_told() -> None:
    model = PPO("MlpPolicy", "Pendulum-v1", **QUIET).learn(64)
    other = normalised()
    other.obs_rms.update(np.random.default_rng(0).normal(size=(9, 3)))
    with pytest.warns(UserWarning, match="own environment does not"):
        sp.evaluate(model, other, episodes=1)


@pytest.mark.parametrize("change", ["mean", "var"])
def test_the_distance_is_in_standard_deviations(change: str) -> None:
    one = normalised(epsilon=0.0)
    one.obs_rms.update(np.random.default_rng(0).normal(3, 2, (100, 3)))
    other = copy.deepcopy(one)
    assert distance(one, other) == 0
    if change == "mean":
        other.obs_rms.mean[1] -= 0.3 * np.sqrt(one.obs_rms.var[1])
    else:
        other.obs_rms.var[1] *= 1.3**2
    assert distance(one, other) == pytest.approx(0.3) and APART < 0.3
    assert seen(one) and not seen(normalised())


def test_other_keys_are_told() -> None:
    model = PPO("MlpPolicy", normalised(), **QUIET).learn(64)
    other = normalised()
    other.obs_rms = {"ball": copy.deepcopy(model.get_vec_normalize_env().obs_rms)}
    with pytest.warns(UserWarning, match=r"those of \['ball'\], the agent's own"):
        check_normalised(model, other)


def test_entries_that_never_vary_are_no_difference() -> None:
    one, other = normalised(), normalised()
    for env, count in ((one, 5_000), (other, 10_000)):
        env.obs_rms.update(np.tile([1.0, 0.0, -7.0], (count, 1)))
    assert distance(one, other) < 1e-3
    other.obs_rms.update(np.random.default_rng(0).normal(size=(10_000, 3)))
    assert distance(one, other) > 1


def test_statistics_that_were_set_by_hand_are_some(tmp_path: Path) -> None:
    PPO("MlpPolicy", normalised(), **QUIET).learn(64).save(tmp_path / "a.zip")
    by_hand = normalised(training=False)
    by_hand.obs_rms.var = np.array([0.5, 0.5, 20.0])
    check_normalised(PPO.load(tmp_path / "a.zip"), by_hand)


def test_other_spaces_are_named_first() -> None:
    model = PPO("MlpPolicy", normalised(), **QUIET).learn(64)
    other = VecNormalize(DummyVecEnv([lambda: gym.make("CartPole-v1")]))
    with pytest.raises(ConfigError, match="env has other"):
        sp.evaluate(model, other, episodes=1)


def test_a_buffer_of_raw_observations_is_no_sample_of_what_an_agent_sees(
    tmp_path: Path,
) -> None:
    env = normalised()
    model = sac(env)
    model.save(tmp_path / "a.zip")
    model.save_replay_buffer(tmp_path / "b.pkl")
    loaded = SAC.load(tmp_path / "a.zip", device="cpu")
    loaded.load_replay_buffer(tmp_path / "b.pkl")
    with pytest.raises(NoObservationsError, match="normalised as in training"):
        sp.prune(loaded, "reconstruct", {"final_sparsity": 0.5})
    plain = sp.prune(loaded, "magnitude", {"final_sparsity": 0.5})
    assert any("before a VecNormalize" in remark for remark in plain.remarks())
    again = SAC.load(tmp_path / "a.zip", env=env, device="cpu")
    again.load_replay_buffer(tmp_path / "b.pkl")
    assert sp.prune(again, "reconstruct", {"final_sparsity": 0.5}).movement


class Doubles(DummyVecEnv):
    """Casts nothing, as SubprocVecEnv does, of an environment that says float64."""

    def _obs_from_buf(self) -> Any:
        return np.asarray(super()._obs_from_buf(), float) + 1e-9


class Named(gym.ObservationWrapper[Any, Any, Any]):
    """Says its observations in a dictionary."""

    def __init__(self) -> None:
        super().__init__(gym.make("Pendulum-v1"))
        box = gym.spaces.Box(-9, 9, (1,))
        self.observation_space = gym.spaces.Dict(dict.fromkeys("xyz", box))

    def observation(self, observation: Any) -> Any:
        return dict(zip("xyz", np.split(observation, 3), strict=True))


RAW: dict[str, Any] = {
    "plain": lambda: "Pendulum-v1",
    "two environments": lambda: make_vec_env("Pendulum-v1", 2),
    "float64": lambda: Doubles([lambda: gym.make("Pendulum-v1")]),
    "an episode has just ended": lambda: gym.make("Pendulum-v1", max_episode_steps=50),
    "only rewards are normalised": lambda: normalised(norm_obs=False),
    "dictionaries": Named,
}


@pytest.mark.parametrize("case", RAW)
def test_a_buffer_of_an_agent_that_normalised_nothing_is_one(
    case: str, tmp_path: Path
) -> None:
    model = sac(RAW[case]())
    model.save(tmp_path / "a.zip")
    model.save_replay_buffer(tmp_path / "b.pkl")
    loaded = SAC.load(tmp_path / "a.zip", device="cpu")
    loaded.load_replay_buffer(tmp_path / "b.pkl")
    assert count_observations(recent_inputs(loaded, 64).observations) == 64


def test_a_buffer_may_have_gone_on(tmp_path: Path) -> None:
    model = sac("Pendulum-v1")
    model.save(tmp_path / "best.zip")
    model.learn(40, reset_num_timesteps=False)
    model.save_replay_buffer(tmp_path / "b.pkl")
    loaded = SAC.load(tmp_path / "best.zip", device="cpu")
    loaded.load_replay_buffer(tmp_path / "b.pkl")
    recent_inputs(loaded, 64)


def test_an_agent_that_stands_still_may_be_normalised(tmp_path: Path) -> None:
    class Still(gym.Wrapper[Any, Any, Any, Any]):
        def step(self, action: Any) -> Any:
            _, *rest = self.env.step(action)
            return (np.array([0.5, 0.5, 7.0], np.float32), *rest)

    env = VecNormalize(DummyVecEnv([lambda: Still(gym.make("Pendulum-v1"))]))
    model = sac(env)
    model.save(tmp_path / "a.zip")
    loaded = SAC.load(tmp_path / "a.zip", device="cpu")
    loaded.replay_buffer = model.replay_buffer
    with pytest.raises(NoObservationsError, match="before a VecNormalize"):
        recent_inputs(loaded, 64)
