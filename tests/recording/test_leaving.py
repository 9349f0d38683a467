"""No transition is stored that no environment has made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zoo
from stable_baselines3 import SAC
from stable_baselines3.common.vec_env import VecNormalize

import sb3_prune as sp
from sb3_prune.exceptions import ConfigError
from sb3_prune.recording import play_inputs, record_episodes
from sb3_prune.recording.leaving import leave

Plays = Callable[[Any, Any], object]
PLAYS: dict[str, Plays] = {
    "evaluate": lambda model, env: sp.evaluate(model, env, episodes=1),
    "record": lambda model, env: record_episodes(model, env, episodes=1),
    "inputs": lambda model, env: play_inputs(model, env, episodes=1),
}


@pytest.mark.parametrize("how", PLAYS)
def test_training_goes_on_with_a_new_episode_where_an_agent_has_played(
    how: str,
) -> None:
    small = {"net_arch": [8]}
    model: Any = SAC("MlpPolicy", "Pendulum-v1", device="cpu", policy_kwargs=small)
    model.learn(50)
    PLAYS[how](model, model.get_env())
    model.learn(3, reset_num_timesteps=False)
    replay = model.replay_buffer
    before, after = replay.observations[:53, 0], replay.next_observations[:53, 0]
    breaks = [i for i in range(52) if not np.array_equal(after[i], before[i + 1])]
    assert breaks == [49]
    jumps = np.abs(after - before)[:, :2].max(axis=1)
    assert jumps.max() < 0.5  # The pendulum turns by less in one step.


@pytest.mark.parametrize("name", ["HER", "DQN", "PPO", "LSTM"])
def test_every_kind_of_buffer(name: str) -> None:
    model = zoo.train(zoo.make_model(name if name in zoo.CASES else "SAC"))
    leave(model, model.get_env())
    assert model._last_obs is None
    zoo.train_on(model)


def test_other_environments_and_refused_ones_break_nothing_off() -> None:
    model = zoo.train(zoo.make_model("DQN"))
    last = model._last_obs
    other: Any = type(model.get_env())([lambda: zoo.make_env("DQN")])
    sp.evaluate(model, other, episodes=1)
    assert model._last_obs is last
    fresh = VecNormalize(model.get_env())
    with pytest.raises(ConfigError, match="have seen none"):
        sp.evaluate(model, fresh, episodes=1)
    assert model._last_obs is last
