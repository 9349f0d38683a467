"""A plain zip in a process where sb3_prune cannot be imported."""

from pathlib import Path

import images
import numpy as np
import pytest
import zoo
from stable_baselines3 import DQN, HerReplayBuffer
from stable_baselines3.common.envs import BitFlippingEnv

from sb3_prune import SB3PruneError, compact
from sb3_prune.exporting.verification import plain_actions


@pytest.mark.slow
def test_plain_zips_predict_there(tmp_path: Path) -> None:
    model = zoo.make_model("PPO")
    compact(model).save(tmp_path / "plain.zip")
    observations = zoo.observations(model, 50)
    there = plain_actions(tmp_path / "plain.zip", type(model), observations)
    here, _ = model.predict(observations, deterministic=True)
    assert (there == here).all()


@pytest.mark.slow
def test_masked_zips_do_not(tmp_path: Path) -> None:
    """The check can fail: a zip of our own policy class needs sb3_prune."""
    model = zoo.make_model("PPO")
    model.save(tmp_path / "masked.zip")
    with pytest.raises(SB3PruneError, match=r"masked.zip' does not load without"):
        plain_actions(tmp_path / "masked.zip", type(model), zoo.observations(model, 5))


@pytest.mark.slow
def test_dictionaries_arrive_there(tmp_path: Path) -> None:
    model = images.LOOKERS["PPO-MultiInput"].make()
    compact(model).save(tmp_path / "plain.zip")
    space = images.BOTH
    space.seed(0)
    drawn = [space.sample() for _ in range(9)]
    observations = {key: np.stack([each[key] for each in drawn]) for key in drawn[0]}
    there = plain_actions(tmp_path / "plain.zip", type(model), observations)
    here, _ = model.predict(observations, deterministic=True)
    assert (there == here).all()


@pytest.mark.slow
def test_hindsight_replay(tmp_path: Path) -> None:
    env = BitFlippingEnv(3, render_mode="rgb_array")
    her = HerReplayBuffer
    model = DQN("MultiInputPolicy", env, replay_buffer_class=her, buffer_size=100)
    compact(model).save(tmp_path / "plain.zip")
    drawn = [env.observation_space.sample() for _ in range(9)]
    observations = {key: np.stack([each[key] for each in drawn]) for key in drawn[0]}
    there = plain_actions(tmp_path / "plain.zip", DQN, observations)
    here, _ = model.predict(observations, deterministic=True)
    assert (there == here).all()
