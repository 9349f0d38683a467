r"""Forward kinematics and observations of many planar arms at once.

Angles are arrays of shape (batch, n), one row for each arm. With relative joint angles
:math:`\theta_j` and link length :math:`L`, link i points in direction :math:`\phi_i`
and ends at :math:`p_i`:

.. math:: \phi_i = \sum_{j \le i} \theta_j, \qquad
          p_k = L \sum_{i \le k} (\cos \phi_i, \sin \phi_i)

The result of a row does not depend on the other rows, bit for bit. Therefore one arm
and a batch of arms are the same environment.

Source: Feldotto et al. 2022, section 1.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
"""An array of double precision numbers."""

_FEW_ROWS = 32


def joint_positions(angles: Floats, length: float) -> Floats:
    """Compute the positions of the base, the inner joints and the tip.

    Args:
        angles: Relative joint angles [rad]. Shape (batch, n).
        length: Length of every link.

    Returns:
        Positions; the first is the base (0, 0), the last the tip. Shape
        (batch, n + 1, 2).
    """
    directions = _running_sum(angles)
    positions = np.zeros((len(angles), angles.shape[1] + 1, 2))
    positions[:, 1:, 0] = _running_sum(np.cos(directions)) * length
    positions[:, 1:, 1] = _running_sum(np.sin(directions)) * length
    return positions


def tip_positions(angles: Floats, length: float) -> Floats:
    """Compute the tip positions, the last positions of :func:`joint_positions`.

    Args:
        angles: Relative joint angles [rad]. Shape (batch, n).
        length: Length of every link.

    Returns:
        Tips (x, y). Shape (batch, 2).
    """
    directions = _running_sum(angles)
    parts = np.concatenate([np.cos(directions), np.sin(directions)])
    tips: Floats = _row_sum(parts).reshape(2, -1).T * length
    return tips


def observations(angles: Floats, goals: Floats) -> NDArray[np.float32]:
    """Compute the observations (Feldotto et al. 2022, eq. (1)).

    Args:
        angles: Relative joint angles [rad]. Shape (batch, n).
        goals: Goals (x, y). Shape (batch, 2).

    Returns:
        Rows [sin th_1, cos th_1, ..., sin th_n, cos th_n, x_goal, y_goal]. Shape
        (batch, 2n + 2).
    """
    batch, n = angles.shape
    seen = np.empty((batch, 2 * n + 2), dtype=np.float32)
    seen[:, 0 : 2 * n : 2] = np.sin(angles)
    seen[:, 1 : 2 * n : 2] = np.cos(angles)
    seen[:, 2 * n :] = goals
    return seen


# Both functions add from left to right, whatever the number of rows. NumPy's own sums
# do not guarantee this order. For few rows, `accumulate` has less overhead; for many
# rows, adding whole columns is faster.
def _running_sum(values: Floats) -> Floats:
    if len(values) < _FEW_ROWS:
        sums: Floats = np.add.accumulate(values, axis=1)
        return sums
    sums = values.copy()
    for before, column in pairwise(sums.T):
        np.add(before, column, out=column)
    return sums


def _row_sum(values: Floats) -> Floats:
    if len(values) < _FEW_ROWS:
        return _running_sum(values)[:, -1]
    columns = iter(values.T)
    total: Floats = next(columns).copy()
    for column in columns:
        total += column
    return total
