"""One planar arm as a Gymnasium environment."""

from typing import Any, Unpack

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from sb3_prune_envs.actions import make_decoder
from sb3_prune_envs.config import ArmConfig, ArmOptions
from sb3_prune_envs.kinematics import Floats, observations, tip_positions
from sb3_prune_envs.names import action_names, observation_names
from sb3_prune_envs.reward import SUCCESS_REWARD, distances, rewards
from sb3_prune_envs.spaces import observation_space
from sb3_prune_envs.starting_state import starting_state
from sb3_prune_envs.view import ArmView, checked_render_mode

Observation = NDArray[np.float32]


class PlanarArmEnv(gym.Env[Observation, Any]):
    """A planar arm reaches for a goal and stays there.

    ## Description
    An arm of n revolute joints and n equal links (reach 1 in all) moves in a vertical
    plane. Every 50 ms each joint may turn by 0.05 rad. The tip should reach a random
    goal and be there when the episode ends. Motion is kinematic: the arm has no mass,
    joints have no limits and links do not collide. This is the task of Feldotto et al.
    2022, section 1.

    Ids: `sb3_prune/PlanarArm1-v0` to `sb3_prune/PlanarArm6-v0` for one to six joints,
    `sb3_prune/PlanarArm-v0` for `n_joints=` joints. The tables below are for three
    joints.

    ## Action Space
    `MultiDiscrete([3, 3, 3])` (`action_mode="branch"`): one number for each joint; 0
    turns it by +0.05 rad, 1 by -0.05 rad, 2 not at all.

    | Num | Action          | Min | Max | Unit                       |
    |-----|-----------------|-----|-----|----------------------------|
    | 0   | move of joint 1 | 0   | 2   | choice of +0.05, -0.05, 0 rad |
    | 1   | move of joint 2 | 0   | 2   | choice of +0.05, -0.05, 0 rad |
    | 2   | move of joint 3 | 0   | 2   | choice of +0.05, -0.05, 0 rad |

    Other action modes: `"joint"` is `Discrete(3**n)`: the moves are the base-3 digits
    of the action, the first joint's digit being the most significant. `"single"` is
    `Discrete(3 * n)`: joint `a // 3` makes move `a % 3`, the others rest.
    `"continuous"` is `Box(-1, 1, (n,))`: each number is clipped and multiplied by 0.05
    rad.

    ## Observation Space
    `Box` of 2n + 2 numbers, float32. Joint angles are relative to the previous link.

    | Num | Observation          | Min | Max | Unit      |
    |-----|----------------------|-----|-----|-----------|
    | 0   | sine of angle 1      | -1  | 1   | unitless  |
    | 1   | cosine of angle 1    | -1  | 1   | unitless  |
    | 2   | sine of angle 2      | -1  | 1   | unitless  |
    | 3   | cosine of angle 2    | -1  | 1   | unitless  |
    | 4   | sine of angle 3      | -1  | 1   | unitless  |
    | 5   | cosine of angle 3    | -1  | 1   | unitless  |
    | 6   | x of the goal        | -1  | 1   | arm reach |
    | 7   | y of the goal        | -1  | 1   | arm reach |

    ## Rewards
    `r = (1 / (distance + 1))**2`, in (0, 1], with the distance between tip and goal
    after the move. `info["distance"]` is that distance. `info["is_success"]` is true if
    r >= 0.9 in this step, that is, distance <= 0.054.

    ## Starting State
    The arm is straight along x (`start_angles` changes that). The goal is random:
    uniform by area in the half disc in front of the arm (`goals="half"`) or in the
    whole disc (`"full"`), or the tip position of uniformly random joint angles
    (`"fk"`). `reset(options={"angles": ..., "goal": ...})` fixes angles, goal or both.

    ## Episode End
    Termination: never. The episode goes on when the tip arrives at the goal, as the tip
    must stay there. Truncation: after 60 steps, by `gym.make` (`max_episode_steps=`
    changes that). The class itself does not truncate.

    ## Arguments
    | Parameter         | Type                        | Default    | Description       |
    |-------------------|-----------------------------|------------|-------------------|
    | `render_mode`     | `str` or `None`             | `None`     | `"rgb_array"` or `"human"` |
    | `n_joints`        | `int`                       | `3`        | number of joints n, at least 1 |
    | `link_length`     | `float` or `None`           | `None`     | length of a link; `None` is 1/n |
    | `start_angles`    | `Sequence[float]` or `None` | `None`     | n starting angles [rad]; `None` is straight |
    | `goals`           | `str`                       | `"half"`   | `"half"`, `"full"` or `"fk"` |
    | `min_goal_radius` | `float`                     | `0.0`      | smallest distance of a goal from the base |
    | `joint_step`      | `float`                     | `0.05`     | largest move of a joint in a step [rad] |
    | `action_mode`     | `str`                       | `"branch"` | `"branch"`, `"joint"`, `"single"` or `"continuous"` |

    >>> import gymnasium as gym
    >>> import sb3_prune_envs
    >>> env = gym.make("sb3_prune/PlanarArm3-v0", action_mode="joint", goals="full")
    >>> env.action_space
    Discrete(27)

    ## Vectorized environment
    It steps many arms with a few NumPy calls. Its results equal those of single arms,
    bit for bit:

    >>> envs = gym.make_vec(
    ...     "sb3_prune/PlanarArm3-v0", num_envs=4, vectorization_mode="vector_entry_point"
    ... )
    >>> envs.action_space.shape
    (4, 3)

    For Stable-Baselines3 there is `sb3_prune_envs.make_arm_vec(128, n_joints=3)`.

    ## Version History
    * v0: first version.
    """  # noqa: E501, Markdown tables cannot be wrapped

    metadata: dict[str, Any] = {  # noqa: RUF012, the base class has no ClassVar
        "render_modes": ["human", "rgb_array"],
        "render_fps": 20,
    }

    def __init__(
        self, *, render_mode: str | None = None, **options: Unpack[ArmOptions]
    ) -> None:
        self.config = ArmConfig.from_options(options)
        self.render_mode = checked_render_mode(render_mode, self.metadata)
        self._decode = make_decoder(self.config)
        self.action_space = self._decode.space
        self.observation_space = observation_space(self.config)
        self._view = ArmView(self.config, render_mode, self.metadata["render_fps"])
        self._length = self.config.length
        self._angles: Floats | None = None
        self._goals = np.zeros((1, 2))
        self._elapsed = 0

    @property
    def observation_names(self) -> tuple[str, ...]:
        """A name for each number of an observation."""
        return observation_names(self.config)

    @property
    def action_names(self) -> tuple[str, ...]:
        """A name for each choice, or for each dimension of continuous actions."""
        return action_names(self.config)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Put the arm into its starting state and draw a goal.

        Args:
            seed: Seed of the goals; None continues with the present generator.
            options: May fix "angles" (n numbers [rad]) and "goal" (x, y).

        Returns:
            The first observation, and "distance" and "is_success".

        Raises:
            ValueError: If an option is unknown or out of range.
        """
        super().reset(seed=seed)
        angles, self._goals = starting_state(self.config, [self.np_random], options)
        self._angles = self._place(angles)
        self._elapsed = 0
        observation, _, info = self._outcome(self._angles)
        return observation, info

    def step(
        self, action: Any
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Turn the joints.

        Returns:
            Observation, reward, False, False, and "distance" and "is_success".

        Raises:
            InvalidAction: If the action is not in the action space.
            ResetNeeded: If the environment was never reset.
        """
        if self._angles is None:
            raise ResetNeeded("call reset() before the first step()")
        moves = self._decode(np.asarray(action)[None])
        self._angles = self._move(self._angles, moves)
        self._elapsed += 1
        observation, reward, info = self._outcome(self._angles)
        return observation, reward, False, False, info

    def render(self) -> Any:
        """Return a picture of shape (480, 480, 3), or show it in a window.

        Raises:
            ResetNeeded: If the environment was never reset.
        """
        if self._angles is None:
            raise ResetNeeded("call reset() before render()")
        return self._view.render(self._angles, self._goals, self._elapsed)

    def close(self) -> None:
        """Close the window, if there is one."""
        self._view.close()

    def _place(self, angles: Floats) -> Floats:
        """Put the arm at angles of shape (1, n); return the angles measured there."""
        return angles

    def _move(self, angles: Floats, moves: Floats) -> Floats:
        """Carry out moves of shape (1, n); return the angles measured afterwards."""
        return angles + moves

    def _outcome(self, angles: Floats) -> tuple[Observation, float, dict[str, Any]]:
        tips = tip_positions(angles, self._length)
        distance = float(distances(tips, self._goals)[0])
        reward = rewards(distance)
        info = {"distance": distance, "is_success": reward >= SUCCESS_REWARD}
        if self.render_mode is not None:
            self._view.record(tips)
            if self.render_mode == "human":
                self.render()
        return observations(angles, self._goals)[0], reward, info
