"""Whether an agent was normalised is said, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import exported
import numpy as np
import pytest
import zoo
from stable_baselines3.common.vec_env import (
    VecFrameStack,
    VecMonitor,
    VecNormalize,
)

from exporting.test_normalisation import vecnormalize
from sb3_prune.exceptions import CheckpointError, ConfigError
from sb3_prune.exporting.statistics import UNSAID, statistics_for


def test_it_must_be_said() -> None:
    model = exported.agent("SAC")
    with pytest.raises(ConfigError, match="must be said"):
        statistics_for(model, UNSAID)
    for none in (None, "none"):
        assert statistics_for(model, none) is None
    with pytest.raises(ConfigError, match="must be a VecNormalize"):
        statistics_for(model, 3)


def test_the_environment_of_the_model_may_say_it() -> None:
    env = vecnormalize()
    model = zoo.make_model("PPO", env=env)
    assert statistics_for(model, UNSAID) is env
    with pytest.raises(ConfigError, match="environment normalises"):
        statistics_for(model, None)


def test_files(tmp_path: Path) -> None:
    model, env = exported.agent("SAC"), vecnormalize()
    env.save(str(tmp_path / "v.pkl"))
    found = statistics_for(model, tmp_path / "v.pkl")
    assert found is not None
    np.testing.assert_array_equal(found.obs_rms.mean, env.obs_rms.mean)
    with pytest.raises(CheckpointError, match="does not exist"):
        statistics_for(model, tmp_path / "w.pkl")


def test_rewards_alone_are_no_normalisation() -> None:
    assert statistics_for(exported.agent("SAC"), vecnormalize(norm_obs=False)) is None


def around(env: Any) -> Any:
    return zoo.make_model("PPO", env=env)


def test_more_than_one_normalisation() -> None:
    for env, inside in [
        (VecNormalize(vecnormalize()), "another VecNormalize"),
        (VecFrameStack(vecnormalize(), 1), "VecFrameStack"),
    ]:
        with pytest.raises(ConfigError, match=f"inside of {inside}"):
            statistics_for(around(env), UNSAID)
    rewards = VecNormalize(vecnormalize(), norm_obs=False)
    assert statistics_for(around(VecMonitor(rewards)), UNSAID) is rewards.venv


def test_statistics_that_say_otherwise() -> None:
    with pytest.raises(ConfigError, match="environment normalises"):
        statistics_for(around(vecnormalize()), vecnormalize(norm_obs=False))


def test_a_normalisation_of_somebody_else() -> None:
    class Half(VecNormalize):
        def normalize_obs(self, obs: Any) -> Any:
            return super().normalize_obs(obs) * 0.5

    env = Half(vecnormalize().venv)
    with pytest.raises(ConfigError, match="Half overrides normalize_obs"):
        statistics_for(exported.agent("SAC"), env)


def test_statistics_that_have_seen_nothing() -> None:
    fresh = VecNormalize(vecnormalize().venv)
    trained = zoo.make_model("PPO", env=fresh.venv)
    assert statistics_for(trained, fresh) is fresh
    trained.num_timesteps = 64
    with pytest.raises(ConfigError, match=r"vecnormalize normalises .* have seen none"):
        statistics_for(trained, fresh)
    trained = around(fresh)
    trained.num_timesteps = 64
    with pytest.raises(ConfigError, match="have seen none"):
        statistics_for(trained, UNSAID)
