"""How an action encodes the moves of the joints.

In the discrete modes the move of a joint is a digit: 0 turns the joint by +step, 1 by
-step, 2 not at all.

- "branch": n digits, ``MultiDiscrete([3] * n)``.
- "joint": one number below 3^n. Its base-3 digits are the moves, the first joint's
  digit being the most significant. Feldotto et al. 2022 use this mode.
- "single": one number a below 3n. Joint a // 3 makes move a % 3, the others rest.
- "continuous": n numbers in [-1, 1]; each is multiplied by the step.
"""

from itertools import product
from typing import Any, Protocol

import numpy as np
from gymnasium.error import InvalidAction
from gymnasium.spaces import Box, Discrete, MultiDiscrete, Space
from numpy.typing import NDArray

from sb3_prune_envs.config import ArmConfig
from sb3_prune_envs.kinematics import Floats

MOVES = (1.0, -1.0, 0.0)
"""Move for the digits 0, 1 and 2, in units of the joint step."""


class MoveDecoder(Protocol):
    """Turns a batch of actions into joint moves."""

    space: Space[Any]
    """The space of one arm's action."""

    def __call__(self, actions: NDArray[Any]) -> Floats:
        """Decode actions of shape (batch, ...) to moves of shape (batch, n) [rad]."""


def make_decoder(config: ArmConfig) -> MoveDecoder:
    """Build the decoder of the configured action mode; it holds the action space."""
    n = config.n_joints
    moves = np.array(MOVES) * config.joint_step
    match config.action_mode:
        case "branch":
            return TableDecoder(MultiDiscrete([3] * n), moves)
        case "joint":
            return TableDecoder(
                Discrete(3**n), np.array(list(product(moves, repeat=n)))
            )
        case "single":
            return TableDecoder(Discrete(3 * n), _lone_moves(n, moves))
        case "continuous":
            return ScaleDecoder(Box(-1.0, 1.0, (n,), np.float32), config.joint_step)


def _lone_moves(n: int, moves: Floats) -> Floats:
    table = np.zeros((n, len(moves), n))
    for joint in range(n):
        table[joint, :, joint] = moves
    return table.reshape(-1, n)


class TableDecoder:
    """Decodes integer actions with a table of moves.

    Args:
        space: The space of one arm's action.
        table: The moves for the numbers 0, 1, ... [rad]. Shape (numbers,) if an action
            has one number for each joint, (numbers, n) if it has one number for all.
    """

    def __init__(self, space: Space[Any], table: Floats) -> None:
        self.space = space
        self._table = table

    def __call__(self, actions: NDArray[Any]) -> Floats:
        """Decode a batch of integer actions.

        Raises:
            InvalidAction: If the actions are not integers, have the wrong shape, or are
                out of range.
        """
        if actions.dtype.kind not in "iu" or actions.shape[1:] != self.space.shape:
            raise InvalidAction(self._complaint(actions))
        # As unsigned integers, negative numbers are huge: one comparison checks both
        # bounds.
        if np.count_nonzero(actions.astype(np.uint64) >= len(self._table)):
            raise InvalidAction(self._complaint(actions))
        moves: Floats = self._table[actions]
        return moves

    def _complaint(self, actions: NDArray[Any]) -> str:
        return (
            f"each action must be integers from 0 to {len(self._table) - 1} of shape "
            f"{self.space.shape} ({self.space}), not {actions.dtype} of shape "
            f"{actions.shape[1:]}: {actions}"
        )


class ScaleDecoder:
    """Clips actions to [-1, 1] and multiplies them by the joint step.

    Args:
        space: The space of one arm's action. Shape (n,).
        step: Move of a joint if its action is 1 [rad].
    """

    def __init__(self, space: Box, step: float) -> None:
        self.space: Space[Any] = space
        self._step = step

    def __call__(self, actions: NDArray[Any]) -> Floats:
        """Decode a batch of actions.

        Raises:
            InvalidAction: If the actions are not numbers, have the wrong shape, or
                contain NaN.
        """
        shape = self.space.shape
        if actions.dtype.kind not in "fiu" or actions.shape[1:] != shape:
            raise InvalidAction(
                f"each action must be numbers of shape {shape} ({self.space}), not "
                f"{actions.dtype} of shape {actions.shape[1:]}: {actions}"
            )
        if np.count_nonzero(actions != actions):  # noqa: PLR0124, only NaN differs
            raise InvalidAction(f"an action must not contain NaN: {actions}")
        moves: Floats = np.clip(actions.astype(np.float64), -1.0, 1.0)
        moves *= self._step
        return moves
