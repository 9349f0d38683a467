"""Tests for cli/changing.py: loaded with a change is as built with it."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import NStepReplayBuffer
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.vec_env import VecEnv
from zoo import CASES

from sb3_prune.cli.algorithms import ALGORITHMS, Algorithm
from sb3_prune.cli.changing import BUILT_IN, load_changed
from sb3_prune.cli.zips import read_zip
from sb3_prune.exceptions import ConfigError
from sb3_prune.surgery.optimizer import optimizers

OTHER: dict[str, Any] = {
    "batch_size": 8,
    "buffer_size": 70,
    "cg_damping": 0.2,
    "cg_max_steps": 7,
    "clip_range": 0.3,
    "clip_range_vf": 0.4,
    "decomposition": "independent",
    "ent_coef": 0.03,
    "exploration_final_eps": 0.02,
    "exploration_fraction": 0.3,
    "exploration_initial_eps": 0.7,
    "gae_lambda": 0.8,
    "gamma": 0.7,
    "gradient_steps": 3,
    "learning_starts": 9,
    "line_search_max_iter": 4,
    "line_search_shrinking_factor": 0.6,
    "max_grad_norm": 0.9,
    "n_critic_updates": 3,
    "n_epochs": 2,
    "n_steps": 256,
    "normalize_advantage": "other",
    "optimize_memory_usage": True,
    "policy_delay": 4,
    "replay_buffer_kwargs": {"handle_timeout_termination": False},
    "rollout_buffer_kwargs": {},
    "sde_sample_freq": 5,
    "stats_window_size": 6,
    "sub_sampling_factor": 2,
    "target_entropy": -0.5,
    "target_kl": 0.05,
    "target_noise_clip": 0.1,
    "target_policy_noise": 0.3,
    "target_update_interval": 12,
    "tau": 0.2,
    "top_quantiles_to_drop_per_net": 1,
    "train_freq": 5,
    "use_sde_at_warmup": True,
    "vf_coef": 0.1,
}
"""Argument of an algorithm -> a value that is no default."""
BESIDE: dict[str, dict[str, Any]] = {
    "optimize_memory_usage": {
        "replay_buffer_kwargs": {"handle_timeout_termination": False}
    },
    # QRDQN's own optimiser keeps an epsilon of the first batch size.
    "batch_size": {
        "policy_kwargs": {"net_arch": [4], "optimizer_class": torch.optim.Adam}
    },
}
"""Argument of an algorithm -> others that both agents have."""


def small() -> dict[str, Any]:
    """Return arguments of a small agent; SB3 writes into those of the policy."""
    return {"policy_kwargs": {"net_arch": [4]}, "device": "cpu"}


@functools.cache
def env_of(name: str) -> VecEnv:
    """Return an environment for an algorithm, which nobody steps."""
    case = {key.lower(): made for key, (_, _, made, _) in CASES.items()}
    return make_vec_env(case[name.replace("-", "")], 1)


def build(algorithm: Algorithm, **kwargs: Any) -> BaseAlgorithm:
    if "buffer_size" in algorithm.defaults():
        kwargs = {"buffer_size": 50, "learning_starts": 0} | kwargs
    cls: Any = algorithm.cls
    model: BaseAlgorithm = cls(
        algorithm.policy, env_of(algorithm.name), **(small() | kwargs)
    )
    return model


def plain(value: Any) -> Any:
    """Return a value of an agent as one that can be compared, or None."""
    if isinstance(value, torch.Tensor):
        return value.detach().tolist()
    if callable(value) and not isinstance(value, type):
        try:  # A schedule.
            return [value(x) for x in (1.0, 0.9, 0.5, 0.0)]
        except Exception:  # Something else.
            return None
    if isinstance(value, np.floating):
        return repr(float(value))
    known = (bool, int, float, str, tuple, dict, type, np.ndarray)
    return repr(value) if isinstance(value, known) else None


def state(model: BaseAlgorithm) -> dict[str, Any]:
    """Return everything that arguments may have set, but not the weights."""
    found = {name: plain(value) for name, value in vars(model).items()}
    for name in ("replay_buffer", "rollout_buffer"):
        buffer = getattr(model, name, None)
        found[name] = type(buffer)
        numbers = vars(buffer).items() if buffer is not None else ()
        found |= {
            f"{name}.{key}": value
            for key, value in numbers
            if isinstance(value, bool | int | float | str)
        }
    for name, optimizer in optimizers(model).items():
        group = {k: v for k, v in optimizer.param_groups[0].items() if k != "params"}
        found[name] = type(optimizer), group
    return {k: v for k, v in found.items() if k not in ("start_time", "_last_obs")}


def changed(
    tmp_path: Path, algorithm: Algorithm, kwargs: dict[str, Any], **changes: Any
) -> Any:
    build(algorithm, **kwargs).save(tmp_path / "model.zip")
    saved = read_zip(tmp_path / "model.zip", algorithm.name)
    return load_changed(saved, env_of(algorithm.name), "cpu", changes)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_change_is_as_if_built_with_it(name: str, tmp_path: Path) -> None:
    algorithm = ALGORITHMS[name]
    for argument, default in algorithm.defaults().items():
        if argument in (*BUILT_IN, "policy_kwargs"):
            continue
        value = OTHER[argument]
        if argument == "normalize_advantage":
            value = not default
        beside = copy.deepcopy(BESIDE.get(argument, {}))
        loaded = changed(tmp_path, algorithm, beside, **{argument: value})
        built = build(algorithm, **beside, **{argument: value})
        assert state(loaded) == state(built), argument


STEPS = {"n_steps": 3, "gamma": 0.99}
FIXED, LEARNT = {"ent_coef": 0.5}, {"ent_coef": "auto_0.3"}


@pytest.mark.parametrize("name", ["sac", "value-sac", "tqc", "crossq"])
@pytest.mark.parametrize(
    ("before", "after"),
    [(FIXED, 0.01), (FIXED, "auto"), (LEARNT, 0.01), (LEARNT, "auto_0.1")],
)
def test_the_coefficient_of_the_entropy(
    name: str, before: dict[str, Any], after: Any, tmp_path: Path
) -> None:
    algorithm = ALGORITHMS[name]
    loaded = changed(tmp_path, algorithm, before, ent_coef=after)
    built: Any = build(algorithm, ent_coef=after)
    seen, wanted = state(loaded), state(built)
    seen.pop("ent_coef_tensor", None)
    wanted.pop("ent_coef_tensor", None)
    assert seen == wanted
    assert (loaded.log_ent_coef is None) is (built.log_ent_coef is None)
    if built.log_ent_coef is None:
        assert torch.equal(loaded.ent_coef_tensor, built.ent_coef_tensor)
    loaded.save(tmp_path / "again.zip")
    assert state(algorithm.cls.load(tmp_path / "again.zip")).keys() >= seen.keys()


def test_what_was_learnt_stays_if_nothing_changes(tmp_path: Path) -> None:
    model: Any = build(ALGORITHMS["sac"])
    model.log_ent_coef.data[:] = -2.0
    model.save(tmp_path / "model.zip")
    saved = read_zip(tmp_path / "model.zip")
    loaded: Any = load_changed(saved, env_of("sac"), "cpu", {"ent_coef": "auto"})
    assert loaded.log_ent_coef.item() == -2.0


@pytest.mark.parametrize(
    "change",
    [
        {"gamma": 0.5},
        {"n_steps": 5},
        {"n_steps": 1},
        {"replay_buffer_kwargs": {"handle_timeout_termination": True}},
    ],
)
def test_returns_of_several_steps(change: dict[str, Any], tmp_path: Path) -> None:
    loaded = changed(tmp_path, ALGORITHMS["sac"], STEPS, **change)
    built: Any = build(ALGORITHMS["sac"], **(STEPS | change))
    assert state(loaded) == state(built)
    steps = (STEPS | change)["n_steps"] > 1
    assert isinstance(loaded.replay_buffer, NStepReplayBuffer) is steps


def test_recent_episodes_are_as_many_as_asked_for(tmp_path: Path) -> None:
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=64, batch_size=32, **small())
    model.learn(64).save(tmp_path / "model.zip")
    saved = read_zip(tmp_path / "model.zip")
    change = {"stats_window_size": 2}
    loaded = load_changed(saved, env_of("ppo"), "cpu", change)
    assert loaded.ep_info_buffer is not None
    assert loaded.ep_info_buffer.maxlen == 2


@pytest.mark.parametrize(
    ("cls", "env", "name", "value"),
    [
        (A2C, "CartPole-v1", "use_rms_prop", False),
        (A2C, "CartPole-v1", "rms_prop_eps", 0.1),
        (A2C, "Pendulum-v1", "use_sde", True),
        (SAC, "Pendulum-v1", "use_sde", True),
    ],
)
def test_what_is_built_in_is_refused(
    cls: Any, env: str, name: str, value: object, tmp_path: Path
) -> None:
    model = cls("MlpPolicy", env, **small())
    model.save(tmp_path / "model.zip")
    saved = read_zip(tmp_path / "model.zip")
    with pytest.raises(ConfigError, match=f"--algo-kwargs: {name} of a saved.*{value}"):
        load_changed(saved, model.get_env(), "cpu", {name: value})
    same = getattr(model, name, {"use_rms_prop": True, "rms_prop_eps": 1e-5}.get(name))
    load_changed(saved, model.get_env(), "cpu", {name: same})


@pytest.mark.parametrize("name", ["td3", "ddpg"])
@pytest.mark.parametrize(("before", "after"), [(2, 1), (2, 4), (2, 2), (1, 2)])
def test_noise_on_actions_fits_the_environments(
    name: str, before: int, after: int, tmp_path: Path
) -> None:
    cls: Any = ALGORITHMS[name].cls
    noise = OrnsteinUhlenbeckActionNoise(np.zeros(1), np.full(1, 0.1))
    env = make_vec_env("Pendulum-v1", before)
    more = {"action_noise": noise, "learning_starts": 0, "buffer_size": 50}
    model = cls("MlpPolicy", env, **more, **small()).learn(8)
    model.save(tmp_path / "model.zip")
    env = make_vec_env("Pendulum-v1", after)
    loaded: Any = load_changed(read_zip(tmp_path / "model.zip"), env, "cpu", {})
    assert np.all(loaded.action_noise.noise_prev == 0)
    assert np.all(loaded.action_noise._sigma == 0.1)
    loaded.learn(8)
    noises = getattr(loaded.action_noise, "noises", [loaded.action_noise])
    assert len(noises) == after
