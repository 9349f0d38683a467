"""The names of an arm's observations and actions.

Names are short and can be typed on a shell. They stay the same when the arm gets more
joints, so an agent can be carried from one arm to another by name.
"""

from itertools import product

from sb3_prune_envs.config import ArmConfig

TURNS = ("plus", "minus", "rest")
"""Names of the digits 0, 1 and 2; see :mod:`sb3_prune_envs.actions`."""
_PARTS = ("sin", "cos")


def observation_names(config: ArmConfig) -> tuple[str, ...]:
    """Return a name for each number of an observation.

    Args:
        config: The arm; with two joints the names are sin1, cos1, sin2, cos2, goal_x
            and goal_y.
    """
    angles = [f"{part}{n + 1}" for n in range(config.n_joints) for part in _PARTS]
    return (*angles, "goal_x", "goal_y")


def action_names(config: ArmConfig) -> tuple[str, ...]:
    """Return a name for each choice, or for each dimension of continuous actions.

    Args:
        config: The arm; with two joints the names begin with joint1_plus and
            joint1_minus in the modes "branch" and "single", and with plus_plus and
            plus_minus in "joint". In "continuous" they are joint1 and joint2.
    """
    joints = [f"joint{n + 1}" for n in range(config.n_joints)]
    match config.action_mode:
        case "branch" | "single":
            return tuple(f"{joint}_{turn}" for joint in joints for turn in TURNS)
        case "joint":
            return tuple(map("_".join, product(TURNS, repeat=config.n_joints)))
        case "continuous":
            return tuple(joints)
