"""Many planar arms as one Gymnasium vector environment."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from sb3_prune_envs.actions import make_decoder
from sb3_prune_envs.checks import check_count
from sb3_prune_envs.config import ArmConfig, ArmOptions
from sb3_prune_envs.kinematics import Floats, observations, tip_positions
from sb3_prune_envs.names import action_names, observation_names
from sb3_prune_envs.planar_arm import Observation
from sb3_prune_envs.registration import MAX_EPISODE_STEPS
from sb3_prune_envs.reward import SUCCESS_REWARD, distances, rewards
from sb3_prune_envs.spaces import observation_space
from sb3_prune_envs.starting_state import starting_state
from sb3_prune_envs.view import ArmView, checked_render_mode

if TYPE_CHECKING:
    from sb3_prune_envs.rendering import Frame

Bools = NDArray[np.bool_]
Infos = dict[str, Any]


class PlanarArmVectorEnv(VectorEnv[Observation, NDArray[Any], NDArray[Any]]):
    """A batch of :class:`~sb3_prune_envs.planar_arm.PlanarArmEnv`, stepped together.

    All results, infos included, equal those of a ``SyncVectorEnv`` of single arms with
    same-step resets, bit for bit. Each arm has its own random generator; arm i is
    seeded with seed + i. A truncated arm is reset in the same step: its row of the
    observations is the first observation of the next episode, and
    ``infos["final_obs"][i]`` and ``infos["final_info"]`` hold the last observation and
    info of the old one.

    Args:
        num_envs: Number of arms, at least 1.
        max_episode_steps: Steps after which an episode is truncated, at least 1.
        render_mode: "rgb_array" (a frame for each arm) or None.
        **options: The fields of :class:`~sb3_prune_envs.config.ArmConfig`.

    Raises:
        ValueError: If a value is out of range.
        TypeError: If an option does not exist.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012, the base class has no ClassVar
        "render_modes": ["rgb_array"],
        "render_fps": 20,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        *,
        max_episode_steps: int = MAX_EPISODE_STEPS,
        render_mode: str | None = None,
        **options: Unpack[ArmOptions],
    ) -> None:
        check_count("num_envs", num_envs)
        check_count("max_episode_steps", max_episode_steps)
        self.config = ArmConfig.from_options(options)
        self.render_mode = checked_render_mode(render_mode, self.metadata)
        self.num_envs = num_envs
        self.max_episode_steps = max_episode_steps
        self._decode = make_decoder(self.config)
        self.single_action_space = self._decode.space
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.single_observation_space = observation_space(self.config)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._view = ArmView(self.config, render_mode, self.metadata["render_fps"])
        self._generators: list[np.random.Generator] = []
        self._angles: Floats = np.zeros((num_envs, self.config.n_joints))
        self._goals: Floats = np.zeros((num_envs, 2))
        self._elapsed = np.zeros(num_envs, dtype=np.int64)
        self._everyone: Bools = np.ones(num_envs, dtype=np.bool_)

    @property
    def observation_names(self) -> tuple[str, ...]:
        """A name for each number of an arm's observation."""
        return observation_names(self.config)

    @property
    def action_names(self) -> tuple[str, ...]:
        """A name for each choice, or for each dimension of continuous actions."""
        return action_names(self.config)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, Infos]:
        """Put every arm into its starting state and draw its goal.

        Args:
            seed: Arm i gets seed + i, or the i-th number of a sequence; None continues
                with the present generators.
            options: May fix "angles", shape (n,) or (num_envs, n) [rad], and "goal",
                shape (2,) or (num_envs, 2).

        Returns:
            Observations of shape (num_envs, 2n + 2), and "distance" and "is_success".

        Raises:
            ValueError: If the number of seeds is not num_envs, or an option is unknown
                or out of range.
        """
        self._seed(seed)
        self._angles, self._goals = starting_state(
            self.config, self._generators, options
        )
        self._elapsed[:] = 0
        distance, reward = self._measure()
        infos = self._infos(distance, reward >= SUCCESS_REWARD)
        self._record()
        return observations(self._angles, self._goals), infos

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Observation, Floats, Bools, Bools, Infos]:
        """Turn the joints of every arm, and reset arms at their last step.

        Args:
            actions: One action for each arm.

        Returns:
            Observations of shape (num_envs, 2n + 2); rewards, terminations (all False)
            and truncations of shape (num_envs,); infos "distance" and "is_success",
            and, if an arm is truncated, "final_obs" and "final_info".

        Raises:
            InvalidAction: If an action is not in the action space.
            ResetNeeded: If the environment was never reset.
            ValueError: If the number of actions is not num_envs.
        """
        if not self._generators:
            raise ResetNeeded("call reset() before the first step()")
        actions = np.asarray(actions)
        if actions.shape[:1] != (self.num_envs,):
            raise ValueError(
                f"expected {self.num_envs} actions, one for each arm, not an array of "
                f"shape {actions.shape}"
            )
        self._angles += self._decode(actions)
        self._elapsed += 1
        distance, reward = self._measure()
        success = reward >= SUCCESS_REWARD
        seen = observations(self._angles, self._goals)
        truncated = self._elapsed >= self.max_episode_steps
        final: Infos = {}
        if np.count_nonzero(truncated):
            final = self._final(truncated, seen, distance, success)
            distance, success = self._restart(truncated, seen, distance, success)
        infos = self._infos(distance, success) | final
        self._record()
        return seen, reward, np.zeros(self.num_envs, np.bool_), truncated, infos

    def render(self) -> "tuple[Frame, ...] | None":
        """Return a picture of each arm, of shape (480, 480, 3).

        The result is None if the environment has no render mode.
        """
        if self.render_mode is None:
            return None
        return tuple(
            self._view.paint(
                arm, self._angles, self._goals, int(elapsed), self.max_episode_steps
            )
            for arm, elapsed in enumerate(self._elapsed)
        )

    def _seed(self, seed: int | Sequence[int | None] | None) -> None:
        if seed is None:
            seeds: list[int | None] = [None] * self.num_envs
        elif isinstance(seed, Sequence):
            seeds = list(seed)
        else:
            seeds = [int(seed) + i for i in range(self.num_envs)]
        if len(seeds) != self.num_envs:
            raise ValueError(f"expected {self.num_envs} seeds, not {len(seeds)}")
        current: Sequence[np.random.Generator | None]
        current = self._generators or [None] * self.num_envs
        self._generators = [
            np_random(seed)[0] if seed is not None or generator is None else generator
            for seed, generator in zip(seeds, current, strict=True)
        ]

    def _measure(self) -> tuple[Floats, Floats]:
        tips = tip_positions(self._angles, self.config.length)
        distance = distances(tips, self._goals)
        return distance, rewards(distance)

    def _record(self) -> None:
        if self.render_mode is not None:
            self._view.record(tip_positions(self._angles, self.config.length))

    def _restart(
        self, done: Bools, seen: Observation, distance: Floats, success: Bools
    ) -> tuple[Floats, Bools]:
        """Reset finished arms, also in ``seen``; return new distance and success."""
        generators = [self._generators[i] for i in np.flatnonzero(done)]
        angles, goals = starting_state(self.config, generators)
        self._angles[done], self._goals[done], self._elapsed[done] = angles, goals, 0
        seen[done] = observations(angles, goals)
        tips = tip_positions(angles, self.config.length)
        distance, success = distance.copy(), success.copy()
        distance[done] = distances(tips, goals)
        success[done] = rewards(distance[done]) >= SUCCESS_REWARD
        return distance, success

    def _infos(self, distance: Floats, success: Bools) -> Infos:
        return {
            "distance": distance,
            "_distance": self._everyone.copy(),
            "is_success": success,
            "_is_success": self._everyone.copy(),
        }

    def _final(
        self, done: Bools, seen: Observation, distance: Floats, success: Bools
    ) -> Infos:
        last = np.full(self.num_envs, None, dtype=object)
        for i in np.flatnonzero(done):
            last[i] = seen[i].copy()
        info = {
            "distance": np.where(done, distance, 0.0),
            "_distance": done.copy(),
            "is_success": done & success,
            "_is_success": done.copy(),
        }
        return {
            "final_obs": last,
            "_final_obs": done.copy(),
            "final_info": info,
            "_final_info": done.copy(),
        }
