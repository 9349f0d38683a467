"""Input transforms: what an arm with another number of joints would see.

An arm with n joints observes [sin t1, cos t1, ..., sin tn, cos tn, x, y]. Projecting
between arms takes observations of the *target* agent and asks what the *source* agent,
whose arm has more or fewer joints, says of the same situation (Feldotto et al. 2022, figure 6).
The goal (x, y) stays: arms of all joint numbers reach equally far.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_prune.exceptions import ConfigError, UnknownNameError

Array = NDArray[Any]
Angles = NDArray[np.complex128]
"""Joint angles as points cos t + i sin t of the unit circle, (batch, joints)."""

Transform = Callable[[Array], Array]
"""From the target's observations (batch, ...) to the source's (batch, ...)."""


def naive(angles: Angles, joints: int) -> Angles:
    """Keep the first joints in place; joints that are missing are straight.

    Args:
        angles: The target's joints, (batch, target joints).
        joints: Number of joints of the source.

    Returns:
        The source's joints, (batch, joints).
    """
    made = _straight(angles, joints)
    shared = min(angles.shape[1], joints)
    made[:, :shared] = angles[:, :shared]
    return made


def balanced(angles: Angles, joints: int) -> Angles:
    """Spread the joints evenly along the arm; see :func:`naive` for arguments.

    With more joints in the source, target joint i (from 0) of n becomes source joint
    round(i joints / n) and the rest are straight: for two joints in four, (t1, 0, t2,
    0), which is the same arm exactly. With fewer, source joint i is target joint
    round(i n / joints): for four in two, (t1, t3).
    """
    given = angles.shape[1]
    made = _straight(angles, joints)
    if joints >= given:
        made[:, [_spread(i, joints, given) for i in range(given)]] = angles
    else:
        made[:] = angles[:, [_spread(i, given, joints) for i in range(joints)]]
    return made


def sums(angles: Angles, joints: int) -> Angles:
    """Let each joint do the work of its neighbours; see :func:`naive` for arguments.

    With fewer joints in the source, neighbouring target angles are added: for four in
    two, (t1 + t2, t3 + t4). With more, this is :func:`balanced`.
    """
    given = angles.shape[1]
    if joints >= given:
        return balanced(angles, joints)
    starts = [_spread(i, given, joints) for i in range(joints)]
    # Angles add where points of the unit circle multiply.
    return np.multiply.reduceat(angles, starts, axis=1)


TRANSFORMS: dict[str, Callable[[Angles, int], Angles]] = {
    "naive": naive,
    "balanced": balanced,
    "sums": sums,
}
"""Transforms by name."""


def find_transform(
    transform: str | Transform, source_shape: tuple[int, ...]
) -> Transform:
    """Return a transform to observations of the source.

    Args:
        transform: A name of :data:`TRANSFORMS`, or any function from observations of
            the target to observations of the source.
        source_shape: Shape of one observation of the source.

    Returns:
        A function that checks the shape of its result. By name, observations that
        already have the source's shape are passed through.

    Raises:
        UnknownNameError: There is no transform of that name.
    """
    if isinstance(transform, str) and transform not in TRANSFORMS:
        raise UnknownNameError("input transform", transform, TRANSFORMS)

    def change(observations: Array) -> Array:
        if callable(transform):
            made = transform(observations)
        elif observations.shape[1:] == source_shape:
            made = observations
        else:
            made = _between_arms(transform, observations, source_shape)
        if np.shape(made) != (len(observations), *source_shape):
            raise ConfigError(
                f"The input transform made {np.shape(made)} of {observations.shape}; "
                f"the source reads {(len(observations), *source_shape)}."
            )
        return made

    return change


def _between_arms(name: str, observations: Array, shape: tuple[int, ...]) -> Array:
    joints = _joints_of(shape)
    given = _joints_of(observations.shape[1:])
    sines, cosines = (
        observations[:, : 2 * given : 2],
        observations[:, 1 : 2 * given : 2],
    )
    angles = TRANSFORMS[name](cosines + 1j * sines.astype(np.float64), joints)
    made = np.empty((len(observations), 2 * joints + 2), dtype=observations.dtype)
    made[:, : 2 * joints : 2], made[:, 1 : 2 * joints : 2] = angles.imag, angles.real
    made[:, -2:] = observations[:, -2:]
    return made


def _joints_of(shape: tuple[int, ...]) -> int:
    """Return n of an observation of 2 n + 2 numbers."""
    if len(shape) != 1 or shape[0] % 2 or shape[0] < 4:  # noqa: PLR2004
        raise ConfigError(
            f"Named transforms ({', '.join(TRANSFORMS)}) are between planar arms, "
            f"which observe 2n + 2 numbers, not an observation of shape {shape}. "
            "Other agents need equal observations or a function of your own."
        )
    return shape[0] // 2 - 1


def _straight(angles: Angles, joints: int) -> Angles:
    return np.ones((len(angles), joints), dtype=np.complex128)


def _spread(i: int, many: int, few: int) -> int:
    """Return round(i many / few), halves up: never twice the same place."""
    return (2 * i * many + few) // (2 * few)
