"""Tests for transplanting/belongings.py: what a zip does not hold comes along, too."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zoo
from stable_baselines3 import PPO, SAC, HerReplayBuffer
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.envs import BitFlippingEnv
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecNormalize

from sb3_prune.exceptions import CheckpointError, NonFiniteError, TransplantError
from sb3_prune.transplanting import plan_transplant, transplant, transplant_into
from sb3_prune.transplanting.belongings import with_belongings
from sb3_prune.transplanting.building import build
from transplanting.made import env_of, trained

ORDER = (3, 0, 4)
BUFFERED = ["DQN", "SAC", "TD3"]


def normalised(observations: int = 5) -> VecNormalize:
    return VecNormalize(DummyVecEnv([lambda: env_of("PPO", observations)]))


@pytest.fixture(scope="module")
def scaled() -> PPO:
    return PPO("MlpPolicy", normalised(), n_steps=128, batch_size=64).learn(128)


def statistics(model: Any) -> list[np.ndarray]:
    env = model.get_vec_normalize_env()
    both = env.obs_rms, env.ret_rms
    return [
        np.append(each.mean, [*np.atleast_1d(each.var), each.count]) for each in both
    ]


def assert_equal(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert np.array_equal(one, other)


def reloaded(model: Any, folder: Path) -> Any:
    """Return an agent as it comes out of its zip, without anything beside it."""
    model.save(folder / "old.zip")
    return type(model).load(folder / "old.zip")


@pytest.mark.parametrize("order", [None, ORDER, (0, None, 3, 1, 2, 4)])
def test_statistics_of_a_zip_are_those_of_its_environment(
    order: Any, scaled: Any, tmp_path: Path
) -> None:
    size = 5 if order is None else len(order)
    path = tmp_path / "vecnormalize.pkl"
    scaled.get_vec_normalize_env().save(str(path))
    with path.open("rb") as file:  # As SB3 loads it, but without an environment.
        unpickled = pickle.load(file)
    old = reloaded(scaled, tmp_path)
    expected = statistics(transplant(scaled, env=normalised(size), observations=order))
    before = dict(vars(unpickled))
    for given in (path, str(path), unpickled, scaled.get_vec_normalize_env()):
        new = transplant(
            old, env=normalised(size), observations=order, vecnormalize=given
        )
        assert_equal(statistics(new), expected)
        new.learn(128)
    assert vars(unpickled) == before
    assert old.get_vec_normalize_env() is None


@pytest.mark.parametrize("name", BUFFERED)
def test_the_buffer_of_a_zip_is_that_of_the_model(name: str, tmp_path: Path) -> None:
    model: Any = trained(name)
    model.save_replay_buffer(tmp_path / "buffer.pkl")
    old = reloaded(model, tmp_path)
    expected: Any = transplant(model, env=env_of(name, 3), observations=ORDER)
    for given in (tmp_path / "buffer.pkl", model.replay_buffer):
        new: Any = transplant(
            old, env=env_of(name, 3), observations=ORDER, replay_buffer=given
        )
        assert new.replay_buffer.size() == expected.replay_buffer.size() > 0
        assert new.num_timesteps == model.num_timesteps
        for part in ("observations", "actions", "rewards"):
            ours, theirs = (getattr(m.replay_buffer, part) for m in (new, expected))
            assert np.array_equal(ours, theirs)
        zoo.train_on(new, 32)
    assert old.replay_buffer.size() == 0


def test_sample_states_are_those_of_the_buffer(tmp_path: Path) -> None:
    model: Any = trained("DQN")
    old = reloaded(model, tmp_path)
    env = env_of("DQN")
    assert plan_transplant(old, env=env).states == "draws from the space"
    report = plan_transplant(old, env=env, replay_buffer=model.replay_buffer)
    assert report.states == "recent observations"
    new = build(old, env, old.policy_kwargs, 0)
    report = transplant_into(new, old, replay_buffer=model.replay_buffer)
    assert report.states == "recent observations"


def test_nothing_given_is_the_agent_itself() -> None:
    assert with_belongings(trained("DQN"), None, None) is trained("DQN")


def test_a_buffer_of_older_versions(tmp_path: Path) -> None:
    model: Any = trained("DQN")
    path = tmp_path / "buffer.pkl"
    buffer = pickle.loads(pickle.dumps(model.replay_buffer))
    del buffer.handle_timeout_termination, buffer.timeouts
    path.write_bytes(pickle.dumps(buffer))
    found: Any = with_belongings(model, None, path)
    assert not found.replay_buffer.timeouts.any()


def test_stacked_frames() -> None:
    """Statistics may be of single frames."""
    env = VecFrameStack(normalised(), 2)
    old: Any = PPO("MlpPolicy", env, n_steps=64, batch_size=32).learn(64)
    given = old.get_vec_normalize_env()
    new = transplant(old, env=VecFrameStack(normalised(), 2), vecnormalize=given)
    assert_equal(statistics(new), statistics(old))
    outside = VecNormalize(VecFrameStack(DummyVecEnv([lambda: env_of("PPO")]), 2))
    with pytest.raises(TransplantError, match="same side of VecFrameStack"):
        transplant(old, env=outside, vecnormalize=given)


@pytest.mark.slow
def test_a_buffer_of_hindsight(tmp_path: Path) -> None:
    def env() -> Any:
        return BitFlippingEnv(n_bits=4, continuous=True)

    given: dict[str, Any] = {"replay_buffer_class": HerReplayBuffer}
    given |= {"learning_starts": 20, "buffer_size": 200, "seed": 0}
    old: Any = SAC("MultiInputPolicy", env(), **given).learn(60)
    old.save_replay_buffer(tmp_path / "buffer.pkl")
    old.save(tmp_path / "old.zip")
    alone = SAC.load(tmp_path / "old.zip", env=DummyVecEnv([env]))
    expected: Any = transplant(old, env=env())
    for buffer in (tmp_path / "buffer.pkl", old.replay_buffer):
        report = plan_transplant(alone, env=env(), replay_buffer=buffer)
        assert report.states == "recent observations"
        new: Any = transplant(alone, env=env(), replay_buffer=buffer)
        ours, theirs = (m.replay_buffer for m in (new, expected))
        assert ours.size() == theirs.size() > 0
        assert np.array_equal(ours.ep_length, theirs.ep_length)
        assert np.array_equal(
            ours.observations["achieved_goal"], theirs.observations["achieved_goal"]
        )
        new.learn(30, reset_num_timesteps=False)


# Errors.


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"vecnormalize": 3}, "must be a VecNormalize or the path .* got a int"),
        ({"vecnormalize": normalised(3)}, r"statistics of Box.*\(3,\).*another agent"),
        ({"replay_buffer": 3}, "PPO has no replay buffer"),
    ],
)
def test_what_is_not_the_agents(given: Any, why: str, scaled: Any) -> None:
    before = statistics(scaled)
    with pytest.raises(TransplantError, match=why):
        transplant(scaled, env=normalised(), **given)
    assert_equal(statistics(scaled), before)


@pytest.mark.parametrize(
    ("space", "why"),
    [("observation_space", "has the observation space"), ("action_space", "action")],
)
def test_a_buffer_of_another_agent(space: str, why: str) -> None:
    names = "observation_space", "action_space"
    spaces = {name: getattr(env_of("DQN"), name) for name in names}
    spaces[space] = getattr(env_of("DQN", 3, 2), space)
    buffer = ReplayBuffer(50, *spaces.values())
    with pytest.raises(TransplantError, match=f"{why}.*of another agent"):
        transplant(trained("DQN"), env=env_of("DQN"), replay_buffer=buffer)


def test_bad_files(scaled: Any, tmp_path: Path) -> None:
    path = tmp_path / "nothing.pkl"
    for model, given in ((scaled, (path, None)), (trained("DQN"), (None, path))):
        with pytest.raises(CheckpointError, match="does not exist"):
            with_belongings(model, *given)


def test_bad_objects(scaled: Any) -> None:
    odd = normalised()
    odd.obs_rms.mean[0] = np.nan  # type: ignore[union-attr]
    with pytest.raises(NonFiniteError, match="vecnormalize has NaN"):
        with_belongings(scaled, odd, None)
    with pytest.raises(TransplantError, match="must be a ReplayBuffer or"):
        with_belongings(trained("DQN"), None, [])
