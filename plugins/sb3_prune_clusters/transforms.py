"""Input transforms: convert observations between arms with different joint numbers.

An arm with n joints observes [sin t1, cos t1, ..., sin tn, cos tn, x, y]. A projection
compares the activations of two agents in the same situation. The observations come from
the *target* agent; the *source* agent, whose arm has more or fewer joints, needs them
in its own format. The goal (x, y) stays: arms of all joint numbers reach equally far.

Source: Feldotto et al. 2022, figure 6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_prune.exceptions import ConfigError, UnknownNameError

Array = NDArray[Any]
Angles = NDArray[np.complex128]
"""Joint angles t as complex numbers cos t + i sin t, (batch, joints)."""

Transform = Callable[[Array], Array]
"""Function from the target's observations (batch, ...) to the source's (batch, ...)."""


def naive(angles: Angles, joints: int) -> Angles:
    """Copy the first joints; further joints of the source are straight.

    Args:
        angles: Joint angles of the target, (batch, target joints).
        joints: Number of joints of the source.

    Returns:
        Joint angles of the source, (batch, joints).
    """
    made = _straight(angles, joints)
    shared = min(angles.shape[1], joints)
    made[:, :shared] = angles[:, :shared]
    return made


def balanced(angles: Angles, joints: int) -> Angles:
    """Spread the joints evenly along the arm; see :func:`naive` for arguments.

    If the source has more joints, target joint i (from 0) of n becomes source joint
    round(i joints / n), and the others are straight. For two target and four source
    joints this is (t1, 0, t2, 0), an arm of exactly the same shape. If the source has
    fewer joints, source joint i is target joint round(i n / joints). For four target
    and two source joints this is (t1, t3).
    """
    given = angles.shape[1]
    made = _straight(angles, joints)
    if joints >= given:
        made[:, [_spread(i, joints, given) for i in range(given)]] = angles
    else:
        made[:] = angles[:, [_spread(i, given, joints) for i in range(joints)]]
    return made


def sums(angles: Angles, joints: int) -> Angles:
    """Add up the angles of neighbouring joints; see :func:`naive` for arguments.

    If the source has fewer joints, each source angle is the sum of neighbouring target
    angles. For four target and two source joints this is (t1 + t2, t3 + t4). Otherwise
    the result is that of :func:`balanced`.
    """
    given = angles.shape[1]
    if joints >= given:
        return balanced(angles, joints)
    starts = [_spread(i, given, joints) for i in range(joints)]
    # The product of complex numbers on the unit circle adds their angles.
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
    """Return a checked transform to observations of the source.

    Args:
        transform: A name of :data:`TRANSFORMS`, or any function from observations of
            the target to observations of the source.
        source_shape: Shape of one observation of the source.

    Returns:
        A function that checks the shape of its result. A transform given by name
        returns observations that already have the source's shape unchanged.

    Raises:
        UnknownNameError: The transform's name does not exist.
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
                f"The input transform made shape {np.shape(made)} of shape "
                f"{observations.shape}; the source reads shape "
                f"{(len(observations), *source_shape)}."
            )
        return made

    return change


def _between_arms(name: str, observations: Array, shape: tuple[int, ...]) -> Array:
    joints = _joints_of(shape)
    angles = TRANSFORMS[name](_angles_of(observations), joints)
    made = np.empty((len(observations), 2 * joints + 2), dtype=observations.dtype)
    made[:, : 2 * joints : 2], made[:, 1 : 2 * joints : 2] = angles.imag, angles.real
    made[:, -2:] = observations[:, -2:]
    return made


def _angles_of(observations: Array) -> Angles:
    """Return the joint angles in observations of an arm."""
    joints = _joints_of(observations.shape[1:])
    sines = observations[:, : 2 * joints : 2].astype(np.float64)
    angles: Angles = observations[:, 1 : 2 * joints : 2] + 1j * sines
    if not np.allclose(np.abs(angles), 1.0, atol=1e-3):
        raise ConfigError(
            "The observations are none of a planar arm, or normalised: entries 0 and "
            "1, 2 and 3, ... should be the sine and cosine of an angle, got "
            f"{observations[0].tolist()}. Give a function as the transform."
        )
    return angles


def _joints_of(shape: tuple[int, ...]) -> int:
    """Return the number of joints n of an observation of 2n + 2 numbers."""
    if len(shape) != 1 or shape[0] % 2 or shape[0] < 4:  # noqa: PLR2004
        raise ConfigError(
            f"The named transforms ({', '.join(TRANSFORMS)}) convert between planar "
            "arms, whose observations have 2n + 2 numbers; got an observation of shape "
            f"{shape}. Other agents need equal observation spaces, or a function as "
            "the transform."
        )
    return shape[0] // 2 - 1


def _straight(angles: Angles, joints: int) -> Angles:
    return np.ones((len(angles), joints), dtype=np.complex128)


def _spread(i: int, many: int, few: int) -> int:
    """Return round(i many / few), halves rounded up: distinct i get distinct places."""
    return (2 * i * many + few) // (2 * few)
