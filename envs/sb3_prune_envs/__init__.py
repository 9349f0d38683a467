"""Planar reaching arms for Gymnasium and Stable-Baselines3.

Importing this package only registers the environments, as soon as Gymnasium is
imported as well. MuJoCo, pygame, Pillow and Stable-Baselines3 are imported when they
are first needed.

The task is that of Feldotto, Lengenfelder, Röhrbein & Knoll 2022, "Network layer
analysis for a RL-based robotic reaching task", Frontiers in Robotics and AI 9:799644.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sb3_prune_envs.arrival import when_imported
from sb3_prune_envs.registration import ENV_IDS, register_envs

if TYPE_CHECKING:
    from sb3_prune_envs.config import ArmConfig
    from sb3_prune_envs.mujoco_arm import PlanarArmMujocoEnv
    from sb3_prune_envs.planar_arm import PlanarArmEnv
    from sb3_prune_envs.sb3_vec_env import SB3VecEnv, make_arm_vec
    from sb3_prune_envs.servo import ServoConfig
    from sb3_prune_envs.vector import PlanarArmVectorEnv

__all__ = [
    "ENV_IDS",
    "ArmConfig",
    "PlanarArmEnv",
    "PlanarArmMujocoEnv",
    "PlanarArmVectorEnv",
    "SB3VecEnv",
    "ServoConfig",
    "make_arm_vec",
    "register_envs",
]

_HOMES = {
    "ArmConfig": "config",
    "PlanarArmEnv": "planar_arm",
    "PlanarArmMujocoEnv": "mujoco_arm",
    "PlanarArmVectorEnv": "vector",
    "SB3VecEnv": "sb3_vec_env",
    "ServoConfig": "servo",
    "make_arm_vec": "sb3_vec_env",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}; it offers "
            f"{', '.join(__all__)}"
        )
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


when_imported("gymnasium", register_envs)
