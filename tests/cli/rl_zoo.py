"""Folders as RL Zoo (rl_zoo3) writes them, for the tests."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import yaml
from sb3_contrib.common.wrappers import TimeFeatureWrapper
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack, VecNormalize
from torch import nn

ENV = "CartPole-v1"
TIME = "sb3_contrib.common.wrappers.TimeFeatureWrapper"


def write_yaml(path: Path, content: dict[str, Any]) -> None:
    """Write settings as RL Zoo does: sorted, in an ordered dictionary."""
    path.write_text(yaml.dump(OrderedDict(sorted(content.items()))))


def save_zoo(logs: Path, model: PPO, env: str = ENV, **changes: Any) -> Path:
    """Save an agent as RL Zoo does, and return the path of its zip.

    Args:
        logs: Folder of the logs.
        model: The agent.
        env: Id of its environment.
        **changes: Settings of ``config.yml``; ``env_kwargs`` goes into ``args.yml``.
    """
    run = logs / "ppo" / f"{env}_1"
    (run / env).mkdir(parents=True)
    arguments = {"algo": "ppo", "env": env, "env_kwargs": None, "gym_packages": []}
    arguments |= {"hyperparams": None, "uuid": False, "vec_env": "dummy"}
    arguments["env_kwargs"] = changes.pop("env_kwargs", None)
    settings = {"n_envs": 2, "n_timesteps": 1e5, "policy": "MlpPolicy"}
    write_yaml(run / env / "args.yml", arguments)
    statistics = model.get_vec_normalize_env()
    if statistics is not None:
        settings["normalize"] = True
        statistics.save(str(run / env / "vecnormalize.pkl"))
    write_yaml(run / env / "config.yml", settings | changes)
    model.save(run / env)
    return run / f"{env}.zip"


def cart_poles(count: int = 1, *, seed: int = 0, time: bool = False) -> VecEnv:
    """Make environments, with or without a feature of the time."""
    wrapper = TimeFeatureWrapper if time else None
    return make_vec_env(ENV, count, seed=seed, wrapper_class=wrapper)


def trained(env: VecEnv, steps: int = 1024) -> PPO:
    """Train a tiny agent."""
    kwargs = {"net_arch": [16, 16], "activation_fn": nn.ReLU}
    model = PPO("MlpPolicy", env, n_steps=128, policy_kwargs=kwargs, seed=0)
    return model.learn(steps)


def normalised(steps: int = 1024) -> PPO:
    """Train a tiny agent on normalised observations."""
    return trained(VecNormalize(cart_poles(2)), steps)


def wrapped() -> PPO:
    """Train an agent on four stacked, normalised frames that tell the time."""
    env = VecNormalize(cart_poles(2, time=True))
    return trained(VecFrameStack(env, 4), 256)
