"""Stepping: projected gradient descent on thetas."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.optim.adam import adam

from sb3_prune.gates import Gate

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


@torch.no_grad()
def step(
    gates: Sequence[Gate],
    slopes: Sequence[float],
    *,
    optimizer: str,
    learning_rate: float,
) -> None:
    r"""Take a gradient step on all thetas, and project them into [0, 1].

    .. math:: \theta \leftarrow \Pi_{[0, 1]} (\theta - \eta \nabla_\theta
        (L + \nu C))

    The projection :math:`\Pi` keeps each theta a probability. Adam's moments are
    buffers of the gates, so that surgery and checkpoints carry them along with the
    units.

    Args:
        gates: Gates that learn. The gradients of the loss at their thetas are used and
            then cleared.
        slopes: For each gate, the gradient of the price nu C at each of its thetas.
        optimizer: ``adam`` or ``sgd``.
        learning_rate: eta.
    """
    thetas: list[torch.Tensor] = [g.theta for g in gates if g.theta is not None]
    gradients = list(map(_take_gradient, thetas))
    torch._foreach_add_(gradients, slopes)
    if optimizer == "sgd":
        torch._foreach_add_(thetas, gradients, alpha=-learning_rate)
    else:
        _adam(gates, thetas, gradients, learning_rate)
    torch._foreach_clamp_min_(thetas, 0.0)
    torch._foreach_clamp_max_(thetas, 1.0)


def _take_gradient(theta: torch.Tensor) -> torch.Tensor:
    """Return the gradient of the loss at a theta, and clear it; 0 if it has none."""
    gradient, theta.grad = theta.grad, None
    return torch.zeros_like(theta) if gradient is None else gradient


def _adam(
    gates: Sequence[Gate],
    thetas: list[torch.Tensor],
    gradients: list[torch.Tensor],
    learning_rate: float,
) -> None:
    means, squares, steps = zip(
        *((g.theta_mean, g.theta_square, g.theta_steps) for g in gates), strict=True
    )
    adam(
        thetas,
        gradients,
        list(means),
        list(squares),
        [],
        list(steps),
        fused=True,
        amsgrad=False,
        beta1=BETA_1,
        beta2=BETA_2,
        lr=learning_rate,
        weight_decay=0.0,
        eps=EPSILON,
        maximize=False,
    )
