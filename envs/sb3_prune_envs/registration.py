"""The Gymnasium ids of the arms."""

from itertools import product

MAX_EPISODE_STEPS = 60
"""Steps after which an episode is truncated.

Feldotto et al. 2022 use 60 steps of 50 ms.
"""

_KINDS = {
    "": ("planar_arm:PlanarArmEnv", "vector:PlanarArmVectorEnv"),
    "Mujoco": ("mujoco_arm:PlanarArmMujocoEnv", None),
}
"""Kind of arm -> the environment, and its native vector."""

_MODES = {
    "": {},
    "Joint": {"action_mode": "joint"},
    "Single": {"action_mode": "single"},
    "Continuous": {"action_mode": "continuous"},
}
"""Ids with a mode are for tools that cannot pass ``action_mode``."""

_SIZES = {"": {}, **{str(n): {"n_joints": n} for n in range(1, 7)}}

_ARMS = {
    f"sb3_prune/PlanarArm{kind}{size}{mode}-v0": (
        kind,
        {**_SIZES[size], **_MODES[mode]},
    )
    for kind, mode, size in product(_KINDS, _MODES, _SIZES)
}

ENV_IDS = tuple(_ARMS)
"""All ids: arms with one to six joints, and ids without a number for ``n_joints=``;
each for ``action_mode=``, and with a mode that is fixed."""


def register_envs() -> None:
    """Register :data:`ENV_IDS` with Gymnasium; skip ids that are already registered.

    Entry points are strings, so that registration imports no environment and a spec can
    be saved as JSON.
    """
    # Whoever asks the command for its version needs no Gymnasium (0.3 s).
    from gymnasium.envs.registration import register, registry  # noqa: PLC0415

    for env_id, (kind, kwargs) in _ARMS.items():
        single, vector = _KINDS[kind]
        if env_id not in registry:
            register(
                env_id,
                entry_point=f"{__package__}.{single}",
                vector_entry_point=vector and f"{__package__}.{vector}",
                max_episode_steps=MAX_EPISODE_STEPS,
                kwargs=dict(kwargs),
            )
