"""No transition is stored that no environment has made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zoo
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback
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


@pytest.mark.parametrize("moment", ["step", "rollout_start", "rollout_end"])
@pytest.mark.parametrize("name", ["DQN", "PPO"])
@pytest.mark.parametrize("how", ["evaluate", "prune"])
def test_nobody_plays_where_an_agent_is_training(
    how: str, name: str, moment: str
) -> None:
    class Plays(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def play(self) -> None:
            env: Any = self.training_env
            if how == "evaluate":
                sp.evaluate(self.model, env, episodes=1)
            else:
                sp.prune(self.model, "magnitude", env=env)

    def at_once(self: Any, *_: Any) -> bool:
        self.play()
        return True

    setattr(Plays, f"_on_{moment}", at_once)
    model: Any = zoo.make_model(name)
    with pytest.raises(
        ConfigError, match=r"trains at this moment, .* make another one"
    ):
        zoo.train(model, 64, callback=Plays())
    assert model._last_obs is not None
    zoo.train_on(model)


def test_at_the_end_of_a_training_it_may_play() -> None:
    class Plays(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_training_end(self) -> None:
            sp.evaluate(self.model, self.training_env, episodes=1)

    model = zoo.train(zoo.make_model("DQN"), callback=Plays())
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
