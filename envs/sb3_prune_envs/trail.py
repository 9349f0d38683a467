"""The last positions of the tips, for drawing."""

from collections import deque

import numpy as np

from sb3_prune_envs.kinematics import Floats


class TipTrail:
    """Remembers the last tip positions of a batch of arms.

    Args:
        capacity: Number of positions to remember per arm.
    """

    def __init__(self, capacity: int = 40) -> None:
        self._tips: deque[Floats] = deque(maxlen=capacity)

    def record(self, tips: Floats) -> None:
        """Append the tips after a step or a reset. Shape (batch, 2)."""
        self._tips.append(tips.copy())

    def of(self, arm: int, elapsed: int) -> Floats:
        """Return one arm's tip positions of this episode, the oldest first.

        Args:
            arm: Row of the arm in the batch.
            elapsed: Steps since the arm's last reset. Earlier positions belong to other
                episodes and are left out.

        Returns:
            Positions (x, y). Shape (at most elapsed + 1, 2).
        """
        tips = np.array([tips[arm] for tips in self._tips]).reshape(-1, 2)
        return tips[-(elapsed + 1) :]
