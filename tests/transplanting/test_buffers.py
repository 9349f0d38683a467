"""Tests for transplanting/buffers.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.buffers import (
    MaskableDictRolloutBuffer,
    MaskableRolloutBuffer,
)
from stable_baselines3 import DDPG, DQN, TD3
from stable_baselines3.common.buffers import (
    DictReplayBuffer,
    NStepReplayBuffer,
    ReplayBuffer,
)

from sb3_prune.exceptions import TransplantError
from sb3_prune.transplanting import transplant
from sb3_prune.transplanting.building import build
from transplanting.made import Toy


def test_buffers_fit_the_new_observations() -> None:
    class Named(Toy):
        def __init__(self) -> None:
            super().__init__(2, spaces.Discrete(2))
            box = spaces.Box(-1, 1, (2,), np.float32)
            self.observation_space = spaces.Dict({"a": box})

    old: Any = DQN("MlpPolicy", Toy(2, spaces.Discrete(2)), buffer_size=50)
    old.policy_class = old.policy_aliases["MultiInputPolicy"]
    new: Any = build(old, Named(), {}, None)
    assert type(old.replay_buffer) is ReplayBuffer
    assert type(new.replay_buffer) is DictReplayBuffer


class Keyed(Toy):
    """The same observations, in a dictionary."""

    def __init__(self, actions: spaces.Space[Any]) -> None:
        super().__init__(2, actions)
        self.observation_space = spaces.Dict({"a": self.observation_space})

    def _observe(self) -> Any:
        self._seen = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return {"a": self._seen}


NAMES = {"old": ["x", "y"], "new": {"a": ["y", "x"]}}


def test_buffers_of_masks_fit_the_new_observations() -> None:
    old: Any = MaskablePPO("MlpPolicy", Toy(2, spaces.Discrete(2)), n_steps=16)
    env = Keyed(spaces.Discrete(2))
    new: Any = transplant(old, env=env, observations=NAMES)
    assert type(new.rollout_buffer) is MaskableDictRolloutBuffer
    new.learn(16)
    back: Any = transplant(
        new,
        env=Toy(2, spaces.Discrete(2)),
        observations={"old": NAMES["new"], "new": NAMES["old"]},
    )
    assert type(back.rollout_buffer) is MaskableRolloutBuffer
    back.learn(16)


OFF: dict[str, Any] = {"buffer_size": 50, "learning_starts": 8, "batch_size": 4}


@pytest.mark.filterwarnings("error:.n_steps=3. is ignored")
@pytest.mark.parametrize("algorithm", [DDPG, TD3])
def test_returns_of_several_steps_are_set_up_again(algorithm: Any) -> None:
    act = spaces.Box(-1, 1, (1,), np.float32)
    old: Any = DDPG("MlpPolicy", Toy(2, act), n_steps=3, gamma=0.9, **OFF).learn(20)
    new: Any = transplant(old, env=Toy(2, act), algorithm=algorithm)
    buffer = new.replay_buffer
    assert type(buffer) is NStepReplayBuffer
    assert (buffer.n_steps, buffer.gamma, new.n_steps) == (3, 0.9, 3)
    assert new.replay_buffer_kwargs == old.replay_buffer_kwargs
    new.learn(20)
    with pytest.raises(TransplantError, match="N-step returns are not supported"):
        transplant(old, env=Keyed(act), observations=NAMES, algorithm=algorithm)


@pytest.mark.filterwarnings("ignore:.n_steps=3. is ignored")
def test_buffers_that_a_user_has_chosen_stay() -> None:
    env = Toy(2, spaces.Discrete(2))
    own: dict[str, Any] = {"n_steps": 2, "gamma": 0.5}
    given = [
        {"replay_buffer_class": NStepReplayBuffer, "replay_buffer_kwargs": own},
        {"replay_buffer_class": ReplayBuffer, "n_steps": 3},
    ]
    for each in given:
        old: Any = DQN("MlpPolicy", env, **OFF, **each)
        new: Any = transplant(old, env=env)
        assert type(new.replay_buffer) is each["replay_buffer_class"]
        assert new.replay_buffer_kwargs == each.get("replay_buffer_kwargs", {})


def test_another_algorithm_that_observes_a_dictionary() -> None:
    act = spaces.Box(-1, 1, (1,), np.float32)
    old: Any = DDPG("MlpPolicy", Toy(2, act), **OFF)
    new: Any = transplant(old, env=Keyed(act), observations=NAMES, algorithm=TD3)  # type: ignore[type-var]
    assert type(new.replay_buffer) is DictReplayBuffer
    new.learn(20)
