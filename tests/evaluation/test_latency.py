"""The latency of one decision."""

from collections.abc import Callable
from typing import Any

import pytest
import zoo
from sb3_contrib import RecurrentPPO
from stable_baselines3 import PPO
from stable_baselines3.common.envs import FakeImageEnv, SimpleMultiObsEnv

from sb3_prune.evaluation import latency_us
from sb3_prune.exceptions import ConfigError

SMALL: dict[str, Any] = {"n_steps": 8, "batch_size": 8, "device": "cpu"}
MODELS: dict[str, Callable[[], Any]] = {
    "vectors": lambda: zoo.make_model("DQN"),
    "branches": lambda: zoo.make_model("BranchingDQN"),
    "images": lambda: PPO("CnnPolicy", FakeImageEnv(), **SMALL),
    "dicts": lambda: PPO("MultiInputPolicy", SimpleMultiObsEnv(), **SMALL),
    "recurrent": lambda: zoo.make_model("RecurrentPPO"),
    "recurrent on dicts": lambda: RecurrentPPO(
        "MultiInputLstmPolicy", SimpleMultiObsEnv(), **SMALL
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_a_median_in_microseconds(name: str) -> None:
    """A decision of a small network takes between 10 us and 0.1 s anywhere."""
    assert 10 < latency_us(MODELS[name](), repeats=20) < 1e5


def test_it_leaves_the_model_alone() -> None:
    model = zoo.make_model("SAC")
    before = {k: v.clone() for k, v in model.policy.state_dict().items()}
    latency_us(model, repeats=5)
    after = model.policy.state_dict()
    assert all((after[key] == value).all() for key, value in before.items())


def test_it_leaves_the_random_state_of_the_space_alone() -> None:
    model = zoo.make_model("SAC")
    before = model.observation_space.np_random.bit_generator.state
    latency_us(model, repeats=5)
    assert model.observation_space.np_random.bit_generator.state == before


@pytest.mark.parametrize("wrong", [{"repeats": 0}, {"seed": -1}, {"seed": "a"}])
def test_impossible_numbers_are_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} must be"):
        latency_us(zoo.make_model("DQN"), **wrong)
