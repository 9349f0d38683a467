"""Tests for transplanting/playing.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zoo
from gymnasium import spaces
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from sb3_prune.exceptions import ConfigError
from sb3_prune.transplanting import plan_transplant
from sb3_prune.transplanting.pairing import pair_observations
from sb3_prune.transplanting.playing import played_inputs
from transplanting.looks import SPACES, Looks, env_of, numbers, untrained
from transplanting.test_normalising import keyed

MORE = spaces.Dict({**SPACES["flat keys"].spaces, "hand": numbers(2)})  # type: ignore[attr-defined]


def test_states_are_those_of_the_new_environment() -> None:
    old, new = untrained("PPO", SPACES["vector"]), untrained("PPO", numbers(3))
    order = [4, None, 0]
    seen = pair_observations(old.policy, new.policy, order)
    recorded: list[Any] = []
    env: Any = new.get_env()
    step = env.step
    env.step = lambda actions: recorded.append(step(actions)) or recorded[-1]
    states: Any = played_inputs(old, new, seen, (0, 1, 2), 10).observations
    assert states.shape == (10, 5)
    seen_there = np.concatenate([each[0] for each in recorded[:9]])
    assert np.array_equal(states[1:, 4], seen_there[:, 0])
    assert np.array_equal(states[1:, 0], seen_there[:, 2])


def test_keys_and_choices_are_played() -> None:
    old, new = untrained("PPO", SPACES["flat keys"]), untrained("PPO", MORE)
    seen = pair_observations(old.policy, new.policy, {"hand": None})
    states: Any = played_inputs(old, new, seen, (0, 1, 2), 8).observations
    assert states["arm"].shape == (8, 3) and set(states["mode"].tolist()) <= {0, 1, 2}


def test_statistics_scale_states_and_stay() -> None:
    space = spaces.Dict({"arm": numbers(3)})
    old: Any = PPO("MultiInputPolicy", keyed(space, "arm"), n_steps=64, batch_size=16)
    old.learn(64)
    new: Any = PPO("MultiInputPolicy", keyed(space, "arm"), n_steps=64, batch_size=16)
    scales = new.get_vec_normalize_env()
    before = scales.obs_rms["arm"].mean.copy()
    seen = pair_observations(old.policy, new.policy, None)
    inputs: Any = played_inputs(old, new, seen, (0,), 30)
    states = inputs.observations["arm"].numpy()
    assert np.array_equal(before, scales.obs_rms["arm"].mean) and scales.training
    rms = old.get_vec_normalize_env().obs_rms["arm"]
    raw = states * np.sqrt(rms.var + 1e-8) + rms.mean
    assert np.abs(raw).max() <= 1 + 1e-5


def test_the_report_says_what_was_played() -> None:
    old = untrained("PPO", SPACES["vector"])
    env = env_of("PPO", SPACES["vector"])
    assert plan_transplant(old, env=env, play=25).states.startswith("random steps")
    assert plan_transplant(old, env=env).states.startswith("draws")
    known = zoo.train(untrained("SAC", SPACES["vector"]), 32)
    env_too = env_of("SAC", SPACES["vector"])
    assert plan_transplant(known, env=env_too).states == "recent observations"
    assert plan_transplant(known, env=env_too, play=25).states.startswith("random")
    with pytest.raises(ConfigError, match="play must be at least 0"):
        plan_transplant(old, env=env, play=-1)
    wrapped = VecNormalize(
        DummyVecEnv([lambda: env]), norm_obs=False, norm_reward=False
    )
    assert plan_transplant(old, env=wrapped, play=25).states.startswith("random")


def test_actions_are_those_that_were_taken_as_critics_read_them() -> None:
    def wide(low: float, count: int) -> Any:
        box = spaces.Box(low, 3, (count,), np.float32)
        return SAC("MlpPolicy", Looks(numbers(5), box), buffer_size=9)

    old, new = wide(-3, 3), wide(-1, 2)
    taken: list[Any] = []
    env: Any = new.get_env()
    step = env.step
    env.step = lambda actions: taken.append(actions) or step(actions)
    seen = pair_observations(old.policy, new.policy, None)
    found: Any = played_inputs(old, new, seen, (2, 0), 40).actions
    scaled = (np.concatenate(taken) + 1) / 2 - 1
    np.testing.assert_allclose(found[:, [2, 0]], scaled, atol=1e-6)
    assert len(found[:, 1].unique()) > 20 and found[:, 1].abs().max() <= 1


def test_memory_is_that_of_the_episodes() -> None:
    space = SPACES["vector"]
    old, new = untrained("RecurrentPPO", space), untrained("RecurrentPPO", space)
    seen = pair_observations(old.policy, new.policy, None)
    before = zoo.snapshot(old.policy)
    inputs: Any = played_inputs(old, new, seen, (0, 1, 2), 25)
    zoo.assert_same(zoo.snapshot(old.policy), before)
    assert inputs.actions is None
    state: Any = None
    for step, observation in enumerate(inputs.observations.numpy()):
        starts = np.array([step % 10 == 0])
        (hidden, cell), _ = inputs.lstm_states
        for known, found in zip(state or (), (hidden, cell), strict=bool(state)):
            expected = np.zeros_like(known) if starts[0] else known
            np.testing.assert_allclose(found[:, [step]].numpy(), expected, atol=1e-6)
        given = observation[None], state, starts
        _, state = old.predict(*given, deterministic=True)
    assert not hidden[:, [0, 10, 20]].any() and hidden[:, [1, 9, 11, 24]].any(-1).all()
