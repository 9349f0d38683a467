"""One planar arm with mass, gravity and servos, simulated by MuJoCo."""

from typing import Unpack

import mujoco
import numpy as np

from sb3_prune_envs.config import ArmOptions
from sb3_prune_envs.kinematics import Floats
from sb3_prune_envs.mjcf import arm_mjcf
from sb3_prune_envs.planar_arm import PlanarArmEnv
from sb3_prune_envs.reward import SUCCESS_DISTANCE
from sb3_prune_envs.servo import ServoOptions, split_servo_options


class MujocoArmOptions(ArmOptions, ServoOptions, total=False):
    """Keyword arguments of :class:`PlanarArmMujocoEnv`."""


class PlanarArmMujocoEnv(PlanarArmEnv):
    """A planar arm with mass, gravity and servos reaches for a goal.

    ## Description
    This is the arm of `PlanarArmEnv`, simulated by MuJoCo with mass (capsules of 1 kg
    in all), gravity, and a position servo in each joint. It has the same spaces,
    rewards and options, so that an agent trained on the kinematic arm can be tested
    here unchanged. Every 50 ms an action moves the *setpoints* of the servos by up to
    0.05 rad. The observation then holds the angles that the joints have reached. Joints
    have no limits and links do not collide.

    Ids: `sb3_prune/PlanarArmMujoco1-v0` to `sb3_prune/PlanarArmMujoco6-v0` for one to
    six joints, `sb3_prune/PlanarArmMujoco-v0` for `n_joints=` joints. The tables below
    are for three joints.

    ## Action Space
    `MultiDiscrete([3, 3, 3])` (`action_mode="branch"`): one number for each joint; 0
    moves its setpoint by +0.05 rad, 1 by -0.05 rad, 2 not at all. The environment also
    has the other action modes of `PlanarArmEnv`.

    | Num | Action              | Min | Max | Unit                       |
    |-----|---------------------|-----|-----|----------------------------|
    | 0   | move of setpoint 1  | 0   | 2   | choice of +0.05, -0.05, 0 rad |
    | 1   | move of setpoint 2  | 0   | 2   | choice of +0.05, -0.05, 0 rad |
    | 2   | move of setpoint 3  | 0   | 2   | choice of +0.05, -0.05, 0 rad |

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
    | 6   | x of the goal        | -1  | 1   | m         |
    | 7   | y of the goal        | -1  | 1   | m         |

    ## Rewards
    `r = (1 / (distance + 1))**2`, in (0, 1], with the distance between tip and goal
    after the move. `info["distance"]` is that distance. `info["is_success"]` is true if
    r >= 0.9 in this step, that is, distance <= 0.054.

    ## Starting State
    The arm is at rest and straight along x (`start_angles` changes the pose). The
    setpoints are its joint angles. The goal is random, as in `PlanarArmEnv`.

    ## Episode End
    Termination: never. Truncation: after 60 steps, by `gym.make`
    (`max_episode_steps=` changes that). The class itself does not truncate.

    ## Arguments
    | Parameter           | Type                        | Default    | Description     |
    |---------------------|-----------------------------|------------|-----------------|
    | `render_mode`       | `str` or `None`             | `None`     | `"rgb_array"` or `"human"` |
    | `n_joints`          | `int`                       | `3`        | number of joints n, at least 1 |
    | `link_length`       | `float` or `None`           | `None`     | length of a link [m]; `None` is 1/n |
    | `start_angles`      | `Sequence[float]` or `None` | `None`     | n starting angles [rad]; `None` is straight |
    | `goals`             | `str`                       | `"half"`   | `"half"`, `"full"` or `"fk"` |
    | `min_goal_radius`   | `float`                     | `0.0`      | smallest distance of a goal from the base [m] |
    | `joint_step`        | `float`                     | `0.05`     | largest move of a setpoint in a step [rad] |
    | `action_mode`       | `str`                       | `"branch"` | `"branch"`, `"joint"`, `"single"` or `"continuous"` |
    | `natural_frequency` | `float`                     | `100.0`    | natural frequency of the servos [rad/s] |
    | `mass`              | `float`                     | `1.0`      | mass of the arm [kg] |
    | `armature`          | `float`                     | `0.01`     | inertia of each joint's rotor [kg m^2] |
    | `timestep`          | `float`                     | `0.005`    | duration of a simulation step [s] |

    >>> import gymnasium as gym
    >>> import sb3_prune_envs
    >>> env = gym.make("sb3_prune/PlanarArmMujoco3-v0", natural_frequency=80.0)
    >>> env.action_space
    MultiDiscrete([3 3 3])

    ## Vectorized environment
    It is Gymnasium's own: `gym.make_vec("sb3_prune/PlanarArmMujoco3-v0", num_envs=4)`.

    ## Version History
    * v0: first version.
    """  # noqa: E501, Markdown tables cannot be wrapped

    def __init__(
        self, *, render_mode: str | None = None, **options: Unpack[MujocoArmOptions]
    ) -> None:
        self.servo, arm_options = split_servo_options(options)
        super().__init__(render_mode=render_mode, **arm_options)
        xml = arm_mjcf(self.config, self.servo, SUCCESS_DISTANCE)
        self.model = mujoco.MjModel.from_xml_string(xml)
        self.data = mujoco.MjData(self.model)

    def _place(self, angles: Floats) -> Floats:
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:] = angles[0]
        self.data.ctrl[:] = angles[0]
        self.data.mocap_pos[0, [0, 2]] = self._goals[0]
        mujoco.mj_forward(self.model, self.data)
        return angles

    def _move(self, angles: Floats, moves: Floats) -> Floats:
        self.data.ctrl[:] += moves[0]
        mujoco.mj_step(self.model, self.data, nstep=self.servo.substeps)
        return np.array(self.data.qpos)[None]
