"""Tests for snapshots.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import ofexi_zoo
import pytest
import torch
import zoo
from callbacks.resuming import digest, fixed_env, hash_of
from stable_baselines3 import DQN, SAC
from stable_baselines3.common.envs import BitFlippingEnv
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from stable_baselines3.her import HerReplayBuffer

from sb3_prune.exceptions import CheckpointError
from sb3_prune.runs import checkpoints, snapshots
from sb3_prune.runs.snapshot import Snapshot

HER: dict[str, Any] = {"replay_buffer_class": HerReplayBuffer}


def resumed(model: Any, folder: Path, env: Any = None, **kwargs: Any) -> Any:
    """Save a model and load it."""
    checkpoints.save(model, folder)
    return checkpoints.load(type(model), folder, env or zoo.make_env("SAC"), **kwargs)[
        0
    ]


def sac(**kwargs: Any) -> Any:
    """Return a SAC in the midst of an episode."""
    return zoo.train(zoo.make_model("SAC", **kwargs), 40)


def her(**kwargs: Any) -> Any:
    """Return a DQN with hindsight in the midst of an episode."""
    model = DQN(
        "MultiInputPolicy",
        BitFlippingEnv(n_bits=4, continuous=False, max_steps=6),
        **HER,
        replay_buffer_kwargs={"copy_info_dict": False, **kwargs},
        buffer_size=50,
        learning_starts=8,
        train_freq=1,
        seed=0,
        device="cpu",
    )
    return zoo.train(model, 22)


def test_only_what_is_filled_is_written(tmp_path: Path) -> None:
    snapshots.take(sac(buffer_size=100_000))["replay.safetensors"].write(
        tmp_path / "it"
    )
    assert (tmp_path / "it").stat().st_size < 10_000


@pytest.mark.parametrize("size", [30, 40, 41, 500])
def test_a_buffer_is_restored_full_or_not(tmp_path: Path, size: int) -> None:
    model = sac(buffer_size=size)
    loaded = resumed(model, tmp_path)
    assert digest(loaded) == digest(model)
    for buffer in (model.replay_buffer, loaded.replay_buffer):
        zero = np.zeros((1, 3), np.float32)
        buffer.add(zero, zero, np.zeros((1, 1)), np.zeros(1), np.zeros(1), [{}])
    assert loaded.replay_buffer.pos == model.replay_buffer.pos
    assert digest(loaded) == digest(model)


def test_several_environments(tmp_path: Path) -> None:
    def env() -> DummyVecEnv:
        return DummyVecEnv([lambda: gym.make("Pendulum-v1")] * 3)

    model = sac(env=env())
    assert digest(resumed(model, tmp_path, env())) == digest(model)
    with pytest.raises(CheckpointError, match=r"buffer_size was 166, .* has 500"):
        resumed(model, tmp_path)


def test_a_buffer_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"buffer_size was 500, .* has 300"):
        resumed(sac(), tmp_path, buffer_size=300)


def test_arrays_of_another_form_are_refused(tmp_path: Path) -> None:
    model = sac()
    checkpoints.save(model, tmp_path)
    file = tmp_path / "40" / "replay.safetensors"
    whole = Snapshot.read(file)
    short = {**whole.arrays, "rewards": whole.arrays["rewards"][:7]}
    few = {"rewards": whole.arrays["rewards"]}
    for arrays, message in [
        (short, r"rewards was float32 \(7, 1\), .* float32 \(41, 1\)"),
        (few, r"its content was \['rewards'\], .*'timeouts'"),
    ]:
        Snapshot(arrays=arrays, values=whole.values).write(file)
        with pytest.raises(CheckpointError, match=message):
            snapshots.restore(model, file.parent)


def test_hindsight_does_not_join_the_unfinished_episode_to_the_next(
    tmp_path: Path,
) -> None:
    model = her()
    loaded = resumed(model, tmp_path, model.env)
    old, new = model.replay_buffer, loaded.replay_buffer
    start, end = old._current_ep_start[0], old.pos
    assert 0 < start < end == 22
    assert (new.ep_length[start:end] == end - start).all()
    assert new.timeouts[end - 1] and new._current_ep_start[0] == end
    for name in ("observations", "next_observations", "actions", "rewards", "ep_start"):
        assert hash_of(getattr(new, name)) == hash_of(getattr(old, name))
    zoo.train_on(loaded, 20)


def test_objects_in_a_buffer_are_refused(tmp_path: Path) -> None:
    model = her(copy_info_dict=True)
    with pytest.raises(CheckpointError, match=r"'infos'.*copy_info_dict=False"):
        checkpoints.check(model, tmp_path)


@pytest.mark.parametrize("thing", [torch.zeros(3), [1, 2], {"a": [1]}])
def test_what_would_be_lost_in_a_buffer_is_refused(thing: Any) -> None:
    model = sac()
    model.replay_buffer.priorities = thing
    with pytest.raises(CheckpointError, match=r"'priorities.*cannot be saved"):
        snapshots.take(model)


def test_numbers_of_a_custom_buffer_are_restored(tmp_path: Path) -> None:
    model = sac()
    model.replay_buffer.pos = 33
    model.replay_buffer.handle_timeout_termination = False
    loaded = resumed(model, tmp_path).replay_buffer
    assert (loaded.pos, loaded.handle_timeout_termination) == (33, False)


@pytest.mark.filterwarnings("ignore:`n_steps=3` is ignored")  # By SB3; it is not.
def test_returns_over_several_steps_end_where_the_run_was_killed(
    tmp_path: Path,
) -> None:
    model = sac(n_steps=3)
    buffer = resumed(model, tmp_path).replay_buffer
    assert buffer.timeouts[:40].sum() == 1 and buffer.timeouts[39] == 1
    assert model.replay_buffer.timeouts.sum() == 0


def test_a_memory_optimised_buffer_keeps_its_last_observation(tmp_path: Path) -> None:
    model = sac(
        optimize_memory_usage=True,
        replay_buffer_kwargs={"handle_timeout_termination": False},
    )
    buffer = resumed(model, tmp_path).replay_buffer
    assert model.replay_buffer.observations[40].any()
    assert hash_of(buffer.observations) == hash_of(model.replay_buffer.observations)
    # The next observation will be of another episode.
    assert buffer.dones[:40].sum() == 1 and buffer.dones[39] == 1


def test_transitions_of_an_extractor_are_restored(tmp_path: Path) -> None:
    model = ofexi_zoo.train(ofexi_zoo.make_model("PPO"))
    loaded = resumed(model, tmp_path)
    assert len(loaded.policy.ofe.memory) == len(model.policy.ofe.memory) == 32
    assert digest(loaded) == digest(model)


@pytest.mark.parametrize(
    ("name", "has"), [("PPO", True), ("A2C", True), ("SAC", False)]
)
def test_extractors_have_transitions_on_policy(name: str, has: bool) -> None:
    taken = snapshots.take(ofexi_zoo.make_model(name))
    assert ("transitions.safetensors" in taken) == has


def test_damaged_transitions_are_refused(tmp_path: Path) -> None:
    model = ofexi_zoo.make_model("PPO")
    file = checkpoints.save(model, tmp_path) / "transitions.safetensors"
    Snapshot(arrays={}, values={"steps": 3}).write(file)
    message = r"does not fit the model: its content was \['steps'\]"
    with pytest.raises(CheckpointError, match=message):
        snapshots.restore(model, file.parent)
    file.unlink()
    with pytest.raises(CheckpointError, match=r"transitions.safetensors' is missing"):
        snapshots.restore(model, file.parent)


def normalised(**kwargs: Any) -> VecNormalize:
    return VecNormalize(DummyVecEnv([lambda: zoo.make_env("SAC")]), **kwargs)


@pytest.mark.parametrize("norm_obs", [True, False])
def test_statistics_of_a_normalised_environment_are_restored(
    tmp_path: Path, norm_obs: bool
) -> None:
    env, fresh = normalised(norm_obs=norm_obs), normalised(norm_obs=norm_obs)
    loaded = resumed(sac(env=env), tmp_path, fresh)
    assert loaded.get_vec_normalize_env() is fresh
    assert hash_of(vars(fresh.ret_rms)) == hash_of(vars(env.ret_rms))
    if norm_obs:
        assert hash_of(vars(fresh.obs_rms)) == hash_of(vars(env.obs_rms))
    zoo.train_on(loaded, 8)


def test_statistics_by_key_are_restored(tmp_path: Path) -> None:
    def env() -> VecNormalize:
        plain = gym.make("Pendulum-v1")
        space = gym.spaces.Dict({"seen": plain.observation_space})
        keyed = gym.wrappers.TransformObservation(plain, lambda o: {"seen": o}, space)
        return VecNormalize(DummyVecEnv([lambda: keyed]))

    old, fresh = env(), env()
    model = SAC("MultiInputPolicy", old, buffer_size=50, seed=0, device="cpu")
    loaded = resumed(zoo.train(model, 10), tmp_path, fresh)
    assert digest(loaded) == digest(model)
    found, expected = (vars(e.obs_rms["seen"]) for e in (fresh, old))  # type: ignore[index]
    assert hash_of(found) == hash_of(expected)


def test_an_environment_normalised_otherwise_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"VecNormalize was True, .* has False"):
        resumed(sac(env=normalised()), tmp_path / "a")
    with pytest.raises(CheckpointError, match=r"VecNormalize was False, .* has True"):
        resumed(sac(), tmp_path / "b", normalised())
    with pytest.raises(CheckpointError, match="the normalised data was"):
        resumed(sac(env=normalised()), tmp_path / "c", normalised(norm_obs=False))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"random.safetensors' is missing"):
        snapshots.restore(zoo.trained("PPO"), tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("pos", "3", "'pos' in .* must be int | float, got '3'"),
        ("pos", -460, "the position inside was False"),
        ("full", 1, "'full' in .* must be bool, got 1"),
    ],
)
def test_numbers_of_a_buffer_are_checked(
    tmp_path: Path, name: str, value: Any, message: str
) -> None:
    model = sac()
    file = checkpoints.save(model, tmp_path) / "replay.safetensors"
    whole = Snapshot.read(file)
    Snapshot(arrays=whole.arrays, values={**whole.values, name: value}).write(file)
    with pytest.raises(CheckpointError, match=message):
        snapshots.restore(model, file.parent)


def test_statistics_of_another_form_are_refused(tmp_path: Path) -> None:
    model = sac(env=normalised())
    file = checkpoints.save(model, tmp_path) / "statistics.safetensors"
    whole = Snapshot.read(file)
    short = {**whole.arrays, "observations//mean": np.zeros(1)}
    for arrays, values, message in [
        (short, whole.values, r"observations/ was float64 \(1,\), .* float64 \(3,\)"),
        (whole.arrays, {**whole.values, "rewards": "1"}, "'rewards' in .* float"),
        ({}, whole.values, "statistics.safetensors' is missing or damaged: KeyError"),
    ]:
        Snapshot(arrays=arrays, values=values).write(file)
        with pytest.raises(CheckpointError, match=message):
            snapshots.restore(model, file.parent)


@pytest.mark.parametrize("name", ["SAC", "TD3", "PPO", "RecurrentPPO"])
def test_a_resumed_run_counts_the_observations_of_an_uninterrupted_one(
    name: str, tmp_path: Path
) -> None:
    def env() -> VecNormalize:
        return VecNormalize(DummyVecEnv([lambda: fixed_env(name)] * 2))

    def train(model: Any) -> Any:
        model.learn(64, reset_num_timesteps=False)
        return model

    model = train(zoo.make_model(name, env=env()))
    checkpoints.save(model, tmp_path)
    uninterrupted = digest(train(model))
    loaded, _ = checkpoints.load(type(model), tmp_path, env())
    assert digest(train(loaded)) == uninterrupted
    assert loaded.get_vec_normalize_env().training
