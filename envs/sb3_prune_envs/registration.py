"""The Gymnasium ids of the arms."""

MAX_EPISODE_STEPS = 60
"""Steps after which an episode is truncated.

Feldotto et al. 2022 use 60 steps of 50 ms.
"""

_SIZES = ("", *map(str, range(1, 7)))

_KINEMATIC_IDS = {f"sb3_prune/PlanarArm{n}-v0": n for n in _SIZES}
_MUJOCO_IDS = {f"sb3_prune/PlanarArmMujoco{n}-v0": n for n in _SIZES}

ENV_IDS = (*_KINEMATIC_IDS, *_MUJOCO_IDS)
"""All ids: arms with one to six joints, and ids without a number for ``n_joints=``."""


def register_envs() -> None:
    """Register :data:`ENV_IDS` with Gymnasium; skip ids that are already registered.

    Entry points are strings, so that registration imports no environment and a spec can
    be saved as JSON.
    """
    for env_id, size in _KINEMATIC_IDS.items():
        _register(
            env_id,
            size,
            "sb3_prune_envs.planar_arm:PlanarArmEnv",
            "sb3_prune_envs.vector:PlanarArmVectorEnv",
        )
    for env_id, size in _MUJOCO_IDS.items():
        _register(env_id, size, "sb3_prune_envs.mujoco_arm:PlanarArmMujocoEnv", None)


def _register(
    env_id: str, size: str, entry_point: str, vector_entry_point: str | None
) -> None:
    # Whoever asks the command for its version needs no Gymnasium (0.3 s).
    from gymnasium.envs.registration import register, registry  # noqa: PLC0415

    if env_id in registry:
        return
    register(
        env_id,
        entry_point=entry_point,
        vector_entry_point=vector_entry_point,
        max_episode_steps=MAX_EPISODE_STEPS,
        kwargs={"n_joints": int(size)} if size else {},
    )
