"""The arm as a MuJoCo model (MJCF)."""

from sb3_prune_envs.config import ArmConfig
from sb3_prune_envs.servo import ServoConfig, servo_gains

GRAVITY = -9.81
"""Gravity along MuJoCo's z, which is the y of the kinematic arm [m/s^2]."""

_TEMPLATE = """\
<mujoco model="planar_arm_{n}">
  <compiler angle="radian" autolimits="true"/>
  <option timestep="{timestep:.17g}" gravity="0 0 {gravity}" integrator="implicitfast">
    <flag contact="disable"/>
  </option>
  <default>
    <joint type="hinge" axis="0 -1 0" armature="{armature:.17g}"/>
    <geom type="capsule" contype="0" conaffinity="0" rgba=".36 .67 .64 1"/>
  </default>
  <worldbody>
    <light pos="0 -2 2" dir="0 1 -1"/>
    <camera name="side" pos="0 -3 0" xyaxes="1 0 0 0 0 1"/>
    <body name="goal" mocap="true">
      <geom name="goal" type="sphere" size="{tolerance:.6g}" mass="0"
            rgba=".88 .48 .37 .5"/>
    </body>
{links}
  </worldbody>
  <actuator>
{servos}
  </actuator>
</mujoco>
"""


def arm_mjcf(arm: ArmConfig, servo: ServoConfig, tolerance: float) -> str:
    """Write the arm's model.

    At angles 0 the arm lies along +x. It moves in the plane of x and z: the hinges'
    axis 0 -1 0 turns +x towards +z. Therefore MuJoCo's (x, z) equal (x, y) of the
    kinematic arm, and MuJoCo's joint positions equal its joint angles. Links are
    capsules without contacts.

    Args:
        arm: Joints and links.
        servo: Mass, armature, gains and time step.
        tolerance: Radius of the ball that shows the goal.

    Returns:
        XML with joints and servos named "1" to "n", a site "tip" and a mocap body
        "goal".
    """
    return _TEMPLATE.format(
        n=arm.n_joints,
        timestep=servo.timestep,
        gravity=GRAVITY,
        armature=servo.armature,
        tolerance=tolerance,
        links=_links(arm, servo),
        servos=_servos(arm, servo),
    )


def _links(arm: ArmConfig, servo: ServoConfig) -> str:
    length, mass = arm.length, servo.mass / arm.n_joints
    xml = f'<site name="tip" pos="{length:.17g} 0 0"/>'
    for i in reversed(range(arm.n_joints)):
        offset = length if i else 0.0
        xml = (
            f'<body name="link{i + 1}" pos="{offset:.17g} 0 0">\n'
            f'<joint name="{i + 1}"/>\n'
            f'<geom fromto="0 0 0 {length:.17g} 0 0" size="{0.03 * arm.reach:.6g}" '
            f'mass="{mass:.17g}"/>\n'
            f"{xml}\n"
            f"</body>"
        )
    return xml


def _servos(arm: ArmConfig, servo: ServoConfig) -> str:
    return "\n".join(
        f'<position name="{i}" joint="{i}" kp="{gains.stiffness:.17g}" '
        f'kv="{gains.damping:.17g}"/>'
        for i, gains in enumerate(servo_gains(arm, servo), start=1)
    )
