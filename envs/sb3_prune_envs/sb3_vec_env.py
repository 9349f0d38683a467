"""Gymnasium vector environments for Stable-Baselines3."""

import time
from collections.abc import Iterable, Sequence
from typing import Any, Unpack

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from sb3_prune_envs.config import ArmOptions
from sb3_prune_envs.registration import MAX_EPISODE_STEPS
from sb3_prune_envs.vector import PlanarArmVectorEnv

Indices = None | int | Iterable[int]


class SB3VecEnv(VecEnv):
    """Wraps a Gymnasium vector environment as a Stable-Baselines3 ``VecEnv``.

    The environments are one object that is stepped at once, so attributes and methods
    belong to the whole vector, not to one environment.

    When an episode ends, the environment's info holds "terminal_observation",
    "TimeLimit.truncated", the info of the last step (for arms "distance" and
    "is_success"), and the episode statistics ``"episode" = {"r": return, "l": length,
    "t": seconds}``, so that ``VecMonitor`` is not needed. In all other steps the infos
    are empty, as building them would take longer than moving the arms.

    Args:
        env: A vector environment with same-step autoreset.

    Raises:
        ValueError: If the environment has another autoreset mode, which would lose the
            last observation of an episode.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        mode = env.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise ValueError(
                f"the vector environment must have metadata['autoreset_mode'] = "
                f"{AutoresetMode.SAME_STEP}, not {mode}; gymnasium's own vectors take "
                f"autoreset_mode=AutoresetMode.SAME_STEP"
            )
        self.env = env
        self._actions: NDArray[Any] | None = None
        self._returns = np.zeros(env.num_envs)
        self._lengths = np.zeros(env.num_envs, dtype=np.int64)
        self._began = time.time()
        super().__init__(
            env.num_envs, env.single_observation_space, env.single_action_space
        )

    def reset(self) -> VecEnvObs:
        """Reset every environment, with the seeds and options that were set before.

        Raises:
            ValueError: If the environments' options differ.
        """
        options = self._options[0]
        if any(other != options for other in self._options):
            raise ValueError(f"options must be equal, not {self._options}")
        observations, infos = self.env.reset(
            seed=self._seeds[0], options=options or None
        )
        self.reset_infos = [_info_of(infos, i) for i in range(self.num_envs)]
        self._returns[:] = 0
        self._lengths[:] = 0
        self._reset_seeds()
        self._reset_options()
        return observations  # type: ignore[no-any-return]

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions, one for each environment, for :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step every environment.

        Returns:
            Observations, float32 rewards and dones, of shape (num_envs, ...), and a
            new info dict for each environment.
        """
        observations, rewards, terminated, truncated, vector_infos = self.env.step(
            self._actions
        )
        dones = terminated | truncated
        self._returns += rewards
        self._lengths += 1
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(dones).tolist():
            infos[i] = self._finish(i, vector_infos, bool(terminated[i]))
        return observations, rewards.astype(np.float32), dones, infos

    def close(self) -> None:
        """Close the vector environment."""
        self.env.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Return a picture of each environment, or Nones if there is no render mode."""
        frames: Any = self.env.render()
        return [None] * self.num_envs if frames is None else list(frames)

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """Return the vector's attribute, once for each index."""
        return [getattr(self.env, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        """Set an attribute of the vector.

        Raises:
            ValueError: If the indices are not those of all environments.
        """
        if set(self._get_indices(indices)) != set(range(self.num_envs)):
            raise ValueError(f"{attr_name!r} can only be set for all environments")
        setattr(self.env, attr_name, value)

    def env_method(
        self,
        method_name: str,
        *method_args: Any,
        indices: Indices = None,
        **method_kwargs: Any,
    ) -> list[Any]:
        """Call the vector's method once; return its result once for each index."""
        result = getattr(self.env, method_name)(*method_args, **method_kwargs)
        return [result for _ in self._get_indices(indices)]

    def env_is_wrapped(
        self,
        wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]],
        indices: Indices = None,
    ) -> list[bool]:
        """Return whether environments are wrapped; true for ``Monitor`` only."""
        # SB3 calls this to find out whether infos hold "episode", which they do here.
        wrapped = issubclass(wrapper_class, Monitor)
        return [wrapped for _ in self._get_indices(indices)]

    def _finish(
        self, i: int, vector_infos: dict[str, Any], terminated: bool
    ) -> dict[str, Any]:
        info = _info_of(vector_infos.get("final_info", {}), i)
        info["terminal_observation"] = vector_infos["final_obs"][i]
        info["TimeLimit.truncated"] = not terminated
        info["episode"] = {
            "r": float(self._returns[i]),
            "l": int(self._lengths[i]),
            "t": round(time.time() - self._began, 6),
        }
        self._returns[i] = 0
        self._lengths[i] = 0
        began = {
            key: value
            for key, value in vector_infos.items()
            if not key.removeprefix("_").startswith("final_")
        }
        self.reset_infos[i] = _info_of(began, i)
        return info


def make_arm_vec(
    n_envs: int,
    *,
    max_episode_steps: int = MAX_EPISODE_STEPS,
    render_mode: str | None = None,
    **options: Unpack[ArmOptions],
) -> SB3VecEnv:
    """Make a vector of planar arms for Stable-Baselines3.

    Args:
        n_envs: Number of arms.
        max_episode_steps: Steps after which an episode is truncated.
        render_mode: "rgb_array" or None.
        **options: The fields of :class:`~sb3_prune_envs.config.ArmConfig`.

    Returns:
        A vector environment of n_envs arms.

    Example:
        >>> make_arm_vec(128, n_joints=3, action_mode="joint").action_space
        Discrete(27)
    """
    arms = PlanarArmVectorEnv(
        n_envs, max_episode_steps=max_episode_steps, render_mode=render_mode, **options
    )
    return SB3VecEnv(arms)


def _info_of(infos: dict[str, Any], i: int) -> dict[str, Any]:
    """Return the info of environment i from Gymnasium's infos of a vector."""
    info: dict[str, Any] = {}
    for key, values in infos.items():
        if f"_{key}" not in infos or not infos[f"_{key}"][i]:
            continue
        if isinstance(values, dict):
            info[key] = _info_of(values, i)
        else:
            value = values[i]
            info[key] = value.item() if isinstance(value, np.generic) else value
    return info
