"""Tests for transplanting/normalising.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecEnv,
    VecFrameStack,
    VecNormalize,
)

from sb3_prune.exceptions import ConfigError, TransplantError
from sb3_prune.transplanting import plan_transplant, transplant, transplant_into
from sb3_prune.transplanting.normalising import FEW
from transplanting import looks
from transplanting.made import env_of

MAP = (3, None, 0)


def normalised(observations: int) -> VecNormalize:
    return VecNormalize(DummyVecEnv([lambda: env_of("PPO", observations)]))


@pytest.fixture(scope="module")
def old() -> PPO:
    return PPO("MlpPolicy", normalised(5), n_steps=512).learn(1_024)


def test_statistics_follow_the_observations(old: Any) -> None:
    new: Any = transplant(old, env=normalised(3), observations=MAP)
    ours, theirs = (m.get_vec_normalize_env().obs_rms for m in (old, new))
    assert np.array_equal(theirs.mean[[0, 2]], ours.mean[[3, 0]])
    assert np.array_equal(theirs.var[[0, 2]], ours.var[[3, 0]])
    assert (theirs.mean[1], theirs.var[1], theirs.count) == (0, 1, FEW)
    assert new.get_vec_normalize_env().ret_rms.var == (
        old.get_vec_normalize_env().ret_rms.var
    )


def test_the_same_observations_keep_their_count(old: Any) -> None:
    new: Any = transplant(old, env=normalised(5))
    ours, theirs = (m.get_vec_normalize_env().obs_rms for m in (old, new))
    assert theirs.count == ours.count and np.array_equal(theirs.var, ours.var)
    new = transplant(old, env=normalised(5), observations=(4, 3, 2, 1, 0))
    theirs = new.get_vec_normalize_env().obs_rms
    assert theirs.count == ours.count and np.array_equal(theirs.var, ours.var[::-1])


def test_statistics_that_have_seen_nothing(old: Any) -> None:
    with pytest.raises(ConfigError, match=r"old agent normalises .* have seen none"):
        transplant(old, env=normalised(3), vecnormalize=normalised(5), observations=MAP)


def test_a_new_sensor_is_soon_known(old: Any) -> None:
    new: Any = transplant(old, env=normalised(3), observations=MAP)
    rms = new.get_vec_normalize_env().obs_rms
    rng = np.random.default_rng(0)
    for _ in range(200):
        rms.update(rng.normal([0, 500, 0], [1, 50, 1], (50, 3)))
    scaled = (500 - rms.mean[1]) / np.sqrt(rms.var[1])
    assert abs(scaled) < 1


def test_images_beside_what_is_scaled_may_be_transposed() -> None:
    def scaled(count: int) -> VecNormalize:
        keys = {"arm": looks.numbers(count), "eye": looks.image(36, 36, 1)}
        env = looks.env_of("PPO", spaces.Dict(keys))  # type: ignore[arg-type]
        return VecNormalize(DummyVecEnv([lambda: env]), norm_obs_keys=["arm"])

    old = PPO("MultiInputPolicy", scaled(2), n_steps=32, batch_size=16).learn(32)
    given = {"arm": [1, None, 0]}
    new: Any = transplant(old, env=scaled(3), observations=given)
    ours, theirs = (m.get_vec_normalize_env().obs_rms["arm"] for m in (old, new))  # type: ignore[attr-defined]
    assert np.array_equal(theirs.mean[[2, 0]], ours.mean) and theirs.mean[1] == 0


@pytest.mark.parametrize("given", [True, False])
def test_both_agents_or_none(old: Any, given: bool) -> None:
    raw: VecEnv = DummyVecEnv([lambda: env_of("PPO")])
    model = old if given else PPO("MlpPolicy", raw)
    with pytest.raises(TransplantError, match="VecNormalize"):
        transplant(model, env=raw if given else normalised(5))


@pytest.mark.parametrize("norm_obs", [True, False])
def test_rewards_alone_are_normalised(old: Any, norm_obs: bool) -> None:
    env = VecNormalize(DummyVecEnv([lambda: env_of("PPO")]), norm_obs=False)
    rewarded: Any = PPO("MlpPolicy", env, n_steps=32, batch_size=16).learn(32)
    again = VecNormalize(DummyVecEnv([lambda: env_of("PPO")]), norm_obs=False)
    new: Any = transplant(rewarded, env=again)
    assert new.get_vec_normalize_env().ret_rms.var == env.ret_rms.var
    one, other = (old, again) if norm_obs else (rewarded, normalised(5))
    with pytest.raises(TransplantError, match="norm_obs"):
        transplant(one, env=other)
    plain: Any = PPO("MlpPolicy", env_of("PPO"), n_steps=32, batch_size=16)
    for one, other in ((rewarded, env_of("PPO")), (plain, again)):
        with pytest.raises(TransplantError, match="VecNormalize scales rewards of"):
            transplant(one, env=other)
    given = transplant(plain, env=again, vecnormalize=env)
    assert given.get_vec_normalize_env().ret_rms.var == env.ret_rms.var  # type: ignore[union-attr]


def test_a_policy_alone_has_had_no_rewards() -> None:
    env = VecNormalize(DummyVecEnv([lambda: env_of("PPO")]), norm_obs=False)
    new = PPO("MlpPolicy", env, n_steps=32, batch_size=16)
    alone = PPO("MlpPolicy", env_of("PPO"), n_steps=32, batch_size=16).policy
    assert transplant_into(new, alone).moved < 1e-6


def test_statistics_of_returns_and_new_actions(old: Any) -> None:
    """They are those of the old agent; sums of rewards begin anew."""
    env = VecNormalize(DummyVecEnv([lambda: env_of("PPO", 5, 5)]))
    new: Any = transplant(old, env=env, actions=[0, 1, None, 2, 3])
    ours, theirs = (m.get_vec_normalize_env() for m in (old, new))
    assert theirs.ret_rms.var == ours.ret_rms.var and theirs.ret_rms is not ours.ret_rms
    assert theirs.ret_rms.count == ours.ret_rms.count and not theirs.returns.any()


def test_statistics_of_the_old_agent_stay(old: Any) -> None:
    env = old.get_vec_normalize_env()
    before = env.obs_rms.mean.copy(), env.obs_rms.count
    new: Any = transplant(old, env=env, net_arch=[8])  # Nothing changes.
    assert new.get_vec_normalize_env() is env
    with pytest.raises(TransplantError, match="has the VecNormalize of the old agent"):
        transplant(old, env=env, observations=[1, 0, 2, 3, None])
    assert (
        np.array_equal(env.obs_rms.mean, before[0]) and env.obs_rms.count == before[1]
    )


def stacked(frames: int) -> VecEnv:
    return VecFrameStack(normalised(5), frames)


def test_statistics_below_stacked_frames() -> None:
    old: Any = PPO("MlpPolicy", stacked(2), n_steps=32, batch_size=16).learn(32)
    new: Any = transplant(old, env=stacked(2))
    ours, theirs = (m.get_vec_normalize_env().obs_rms for m in (old, new))
    assert np.array_equal(theirs.mean, ours.mean) and theirs.count == ours.count
    more = [*[None] * 5, *range(10)]
    with pytest.raises(TransplantError, match="put VecNormalize around"):
        transplant(old, env=stacked(3), observations=more)


def test_a_plan_leaves_the_statistics_of_the_environment(old: Any) -> None:
    env = normalised(5)
    before = env.obs_rms.mean.copy(), env.obs_rms.count, env.ret_rms.var
    plan_transplant(old, env=env)
    assert np.array_equal(env.obs_rms.mean, before[0])
    assert (env.obs_rms.count, env.ret_rms.var) == before[1:]


@pytest.mark.parametrize("name", ["clip_obs", "epsilon", "gamma", "clip_reward"])
def test_other_settings(old: Any, name: str) -> None:
    env = normalised(5)
    setattr(env, name, 0.5)
    with pytest.raises(TransplantError, match=f"{name} = 0.5"):
        transplant(old, env=env)


def keyed(space: Any, *keys: str) -> VecNormalize:
    env = DummyVecEnv([lambda: looks.env_of("PPO", space)])
    return VecNormalize(env, norm_obs_keys=list(keys))


FLAT = spaces.Dict({"arm": looks.numbers(3), "ball": looks.numbers(2)})
WIDE = spaces.Dict({"arm": looks.numbers(4), "hand": looks.numbers(2)})


@pytest.fixture(scope="module")
def by_keys() -> PPO:
    env = keyed(FLAT, "arm", "ball")
    return PPO("MultiInputPolicy", env, n_steps=64, batch_size=16).learn(64)


def test_statistics_have_keys(by_keys: Any) -> None:
    given = {"arm": [2, None, 1, 0], "hand": "ball"}
    new: Any = transplant(by_keys, env=keyed(WIDE, "arm", "hand"), observations=given)
    ours, theirs = (m.get_vec_normalize_env().obs_rms for m in (by_keys, new))
    assert set(theirs) == {"arm", "hand"}
    assert np.array_equal(theirs["arm"].mean[[0, 2, 3]], ours["arm"].mean[[2, 1, 0]])
    assert (theirs["arm"].mean[1], theirs["arm"].var[1]) == (0, 1)
    assert np.array_equal(theirs["hand"].var, ours["ball"].var)
    assert theirs["hand"].count == theirs["arm"].count == ours["arm"].count < FEW
    new.learn(64)


def test_a_key_that_is_wholly_new_begins_anew(by_keys: Any) -> None:
    env = keyed(WIDE, "arm", "hand")
    given = {"arm": [0, 1, 2, None], "hand": None}
    new: Any = transplant(by_keys, env=env, observations=given)
    theirs = new.get_vec_normalize_env().obs_rms
    assert theirs["hand"].count < 1 and theirs["hand"].var.tolist() == [1, 1]


@pytest.mark.parametrize("keys", [("arm",), ("hand",)])
def test_what_was_normalised_must_be(by_keys: Any, keys: tuple[str, ...]) -> None:
    given = {"arm": [0, 1, 2, None], "hand": "ball"}
    with pytest.raises(TransplantError, match="the same norm_obs_keys"):
        transplant(by_keys, env=keyed(WIDE, *keys), observations=given)
