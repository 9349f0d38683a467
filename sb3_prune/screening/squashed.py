r"""Squashed: the entropy of Gaussians that tanh squashes, as those of SAC.

With u ~ N(\mu, \sigma) and a = \tanh(u), in each dimension

    H(a) = H(u) + E[\ln(1 - \tanh^2 u)].

The expectation has no formula. The trapezoidal rule gives it to 1e-7 nats up to a
standard deviation of e^2, the largest that SAC allows; at 100, which only gSDE can
reach, to 0.02. An action that is saturated costs no digits, because a is never turned
back into u.
"""

from __future__ import annotations

import math

import torch
from stable_baselines3.common.distributions import (
    Distribution,
    SquashedDiagGaussianDistribution,
    StateDependentNoiseDistribution,
)
from torch.distributions import Normal
from torch.nn.functional import softplus

POINTS, REACH = 241, 6.0
"""Points of the rule, and standard deviations on either side that they cover."""


def gaussian_of(distribution: Distribution) -> Normal | None:
    """Return the Gaussian that a distribution of actions squashes; None if it does not.

    With gSDE it is that of all exploration noises and not of the present one.
    """
    squashes = isinstance(distribution, SquashedDiagGaussianDistribution) or (
        isinstance(distribution, StateDependentNoiseDistribution)
        and distribution.bijector is not None
    )
    found = distribution.distribution if squashes else None
    return found if isinstance(found, Normal) else None


def squashed_entropy(gaussian: Normal) -> torch.Tensor:
    """Return the entropy of squashed actions in [-1, 1], in nats.

    Args:
        gaussian: What is squashed, (observations, action dimensions).

    Returns:
        One value per observation, the sum over dimensions; at most ln 2 each.
    """
    mean, spread = (
        x.to("cpu", torch.float64) for x in (gaussian.mean, gaussian.stddev)
    )
    points = torch.linspace(-REACH, REACH, POINTS, dtype=torch.float64)
    shares = torch.softmax(-points.square() / 2, dim=0)
    found: torch.Tensor = Normal(mean, spread).entropy()  # type: ignore[no-untyped-call]
    for point, share in zip(points, shares, strict=True):
        far = (mean + spread * point).abs()
        # ln(1 - tanh(u)^2), without the difference that rounds to nothing.
        found = found + share * 2 * (math.log(2) - far - softplus(-2 * far))
    return found.sum(-1).to(gaussian.mean)
