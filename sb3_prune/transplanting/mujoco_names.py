"""MuJoCo names: what simulated robots observe and do, by the names in their models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gymnasium import spaces

POSITIONS: Mapping[int, tuple[str, ...]] = {
    1: ("",),
    4: (".qw", ".qx", ".qy", ".qz"),
    7: (".x", ".y", ".z", ".qw", ".qx", ".qy", ".qz"),
}
"""Endings for the positions of a joint, by how many it has; q is a quaternion."""
VELOCITIES: Mapping[int, tuple[str, ...]] = {
    1: ("",),
    4: (".rx", ".ry", ".rz"),
    7: (".x", ".y", ".z", ".rx", ".ry", ".rz"),
}
"""Endings for the velocities of a joint, by how many positions it has; r is a rotation
around an axis."""
PLACE = (".x", ".y", ".z")
DRIVES_A_JOINT = 0
"""MuJoCo's ``mjTRN_JOINT``."""
ROBOTS = "gymnasium.envs.mujoco.mujoco_env"
"""Module of the base class of robots. It is not imported, for MuJoCo takes a while."""


def observed(env: Any) -> tuple[str, ...]:
    """Return names for what a robot observes, such as ``qpos.hip``.

    Args:
        env: The unwrapped environment.

    Returns:
        The names; none if nobody says what the robot observes.
    """
    special = SPECIAL.get(f"{type(env).__module__}:{type(env).__name__}")
    if special is not None:
        return tuple(special(env))
    structure = getattr(env, "observation_structure", {}) if _is_robot(env) else {}
    fields = {f: n for f, n in structure.items() if not f.startswith("skipped_")}
    if not all(hasattr(env.data, field) for field in fields):
        return ()  # Another robot, which observes something of its own.
    named = ((_field(env, field), count) for field, count in fields.items())
    # Environments leave out the first entries of a field.
    return tuple(n for names, count in named for n in names[len(names) - count :])


def driven(env: Any) -> tuple[str, ...]:
    """Return names for the actuators of a robot; without one, that of their joint.

    Args:
        env: The unwrapped environment.

    Returns:
        The names; none if the environment is no robot of MuJoCo.
    """
    if not _is_robot(env) or not isinstance(env.action_space, spaces.Box):
        return ()
    return tuple(_actuator(env.model, i) for i in range(env.model.nu))


def _is_robot(env: Any) -> bool:
    return any(cls.__module__ == ROBOTS for cls in type(env).__mro__)


def _actuator(model: Any, index: int) -> str:
    found = model.actuator(index)
    if found.name or int(found.trntype[0]) != DRIVES_A_JOINT:
        return found.name or f"actuator{index}"
    return _joint(model, int(found.trnid[0]))


def _field(env: Any, field: str) -> list[str]:
    """Return names for all numbers of a field of MuJoCo's state, row by row."""
    model, array = env.model, getattr(env.data, field)
    if field == "qpos":
        return _of_joints(model, field, POSITIONS)
    if len(array) == model.nv and field.startswith("q"):
        return _of_joints(model, field, VELOCITIES)
    if array.ndim > 1 and len(array) == model.nbody:
        bodies = [model.body(i).name or f"body{i}" for i in range(model.nbody)]
        count = array[0].size
        return [f"{field}.{body}.{i}" for body in bodies for i in range(count)]
    return [f"{field}.{i}" for i in range(array.size)]


def _of_joints(
    model: Any, field: str, endings: Mapping[int, tuple[str, ...]]
) -> list[str]:
    return [
        f"{field}.{_joint(model, i)}{ending}"
        for i in range(model.njnt)
        for ending in endings[len(model.joint(i).qpos0)]
    ]


def _joint(model: Any, index: int) -> str:
    return model.joint(index).name or f"joint{index}"


def _joints(env: Any, field: str, places: Iterable[int]) -> list[str]:
    return [f"{field}.{_joint(env.model, place)}" for place in places]


def _double_pendulum(env: Any) -> list[str]:
    angles = range(1, env.model.njnt)
    found = _joints(env, "qpos", [0])
    found += _joints(env, "sin", angles) + _joints(env, "cos", angles)
    return [*found, *_field(env, "qvel"), *_joints(env, "qfrc_constraint", [0])]


def _reacher(env: Any) -> list[str]:
    arm, target = range(2), range(2, env.model.njnt)
    found = _joints(env, "cos", arm) + _joints(env, "sin", arm)
    found += _joints(env, "qpos", target) + _joints(env, "qvel", arm)
    return [*found, "from_target.x", "from_target.y"]


def _pusher(env: Any) -> list[str]:
    arm = range(7)
    found = _joints(env, "qpos", arm) + _joints(env, "qvel", arm)
    bodies = ("tips_arm", "object", "goal")
    return [*found, *(f"{body}{ending}" for body in bodies for ending in PLACE)]


SPECIAL: Mapping[str, Callable[[Any], list[str]]] = {
    "gymnasium.envs.mujoco.inverted_double_pendulum_v5:InvertedDoublePendulumEnv": (
        _double_pendulum
    ),
    "gymnasium.envs.mujoco.reacher_v5:ReacherEnv": _reacher,
    "gymnasium.envs.mujoco.pusher_v5:PusherEnv": _pusher,
}
"""Robots that observe more than their state, by class."""
