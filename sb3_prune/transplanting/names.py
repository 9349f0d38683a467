"""Names: what the observations and actions of known environments are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper

from sb3_prune.exceptions import TransplantError
from sb3_prune.transplanting.heads import count_actions
from sb3_prune.transplanting.mujoco_names import driven, observed

NEW = "new"
"""Stands for an entry that the old agent does not have; no entry has this name."""
_CAR = ("position", "velocity")
_CONTROL = "gymnasium.envs.classic_control."
_LANDER = "gymnasium.envs.box2d.lunar_lander:LunarLander"
OBSERVATIONS: Mapping[str, tuple[str, ...]] = {
    f"{_CONTROL}cartpole:CartPoleEnv": (*_CAR, "angle", "spin"),
    f"{_CONTROL}acrobot:AcrobotEnv": (
        *("cos1", "sin1", "cos2", "sin2"),
        *("spin1", "spin2"),
    ),
    f"{_CONTROL}pendulum:PendulumEnv": ("cos", "sin", "spin"),
    f"{_CONTROL}mountain_car:MountainCarEnv": _CAR,
    f"{_CONTROL}continuous_mountain_car:Continuous_MountainCarEnv": _CAR,
    _LANDER: (
        *("x", "y", "velocity_x", "velocity_y", "angle", "spin"),
        *("left_leg", "right_leg"),
    ),
}
"""Names of observations by class; a spin is an angular velocity."""
ACTIONS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    f"{_CONTROL}cartpole:CartPoleEnv": (("left", "right"),),
    f"{_CONTROL}acrobot:AcrobotEnv": (("minus", "rest", "plus"),),
    f"{_CONTROL}pendulum:PendulumEnv": (("torque",),),
    f"{_CONTROL}mountain_car:MountainCarEnv": (("left", "rest", "right"),),
    f"{_CONTROL}continuous_mountain_car:Continuous_MountainCarEnv": (("force",),),
    _LANDER: (("rest", "left", "main", "right"), ("main", "side")),
}
"""Names of actions by class; those count that are as many as the actions."""


def observation_names(env: Any) -> tuple[str, ...]:
    """Return a name for each entry of an environment's vectors of observations.

    An environment or a wrapper can say the names itself, by an attribute
    ``observation_names``; the outermost one counts. Those of our arms, of Gymnasium's
    classic control, LunarLander and MuJoCo (v5) are known. Other entries have their
    index as a name, and so have all entries if a wrapper changes how many there are
    and says nothing.

    Args:
        env: The environment, wrapped or vectorised or both.

    Returns:
        Different names; none if the observations are no vector.
    """
    layers = _layers(env, _observed)
    said = [_own(layer, "observation_names") for layer in layers]
    known = [OBSERVATIONS.get(_class(layers[-1]), ()), observed(layers[-1])]
    return _chosen([*said, *known], _observed(env))


def action_names(env: Any) -> tuple[str, ...]:
    """Return a name for each action: each choice, switch or dimension.

    Actions are counted as :func:`~sb3_prune.transplanting.transplant` counts them. An
    environment can say the names itself, by an attribute ``action_names``; see
    :func:`observation_names` for others.

    Args:
        env: The environment, wrapped or vectorised or both.

    Returns:
        Different names; none if the actions are of a kind that no agent has.
    """
    layers = _layers(env, _acted)
    said = [_own(layer, "action_names") for layer in layers]
    known = [*ACTIONS.get(_class(layers[-1]), ()), driven(layers[-1])]
    return _chosen([*said, *known], _acted(env))


def _chosen(known: Sequence[Any], count: int) -> tuple[str, ...]:
    """Return the first names that can name so many entries, else their indices."""
    for names in known:
        if len(names) == count and _can_name(names):
            return tuple(names)
    return tuple(map(str, range(count)))


def _can_name(names: Sequence[Any]) -> bool:
    """Tell whether names are different texts that cannot be taken for anything else."""
    texts = [name for name in names if isinstance(name, str)]
    odd = [name for name in texts if not name or name.isdigit() or "=" in name]
    return len(set(texts)) == len(names) and not odd and NEW not in texts


def _layers(env: Any, count: Callable[[Any], int]) -> list[Any]:
    """Return an environment and all that its wrappers hold, the innermost one last.

    They end before the first one that has another number of entries.
    """
    found = [env]
    while (inner := _inner(found[-1])) is not None and count(inner) == count(env):
        found.append(inner)
    return found


def _inner(env: Any) -> Any:
    """Return what a wrapper holds; None if it is none."""
    if isinstance(env, VecEnvWrapper):
        return env.venv
    if isinstance(env, DummyVecEnv):
        return env.envs[0]
    return env.env if isinstance(env, gym.Wrapper) else None


def _own(env: Any, name: str) -> Sequence[Any]:
    """Return the names that an environment says itself; none if it says none."""
    if _inner(env) is not None:  # Some wrappers pass on what the inner ones say.
        is_own = name in vars(env) or hasattr(type(env), name)
        found = getattr(env, name) if is_own else ()
    elif isinstance(env, VecEnv):
        found = env.get_attr(name, [0])[0] if env.has_attr(name) else ()
    else:
        found = getattr(env, name, ())
    return found if isinstance(found, list | tuple) else ()


def _class(env: Any) -> str:
    return f"{type(env).__module__}:{type(env).__name__}"


def _observed(env: Any) -> int:
    """Return the number of entries of vectors of observations; 0 if they are none."""
    space = env.observation_space
    is_vector = isinstance(space, spaces.Box) and len(space.shape) == 1
    return int(np.prod(space.shape)) if is_vector else 0


def _acted(env: Any) -> int:
    try:
        return count_actions(env.action_space)
    except TransplantError:
        return 0
