"""The penalties that the package knows, with their gradients in closed form."""

from __future__ import annotations

import torch

from sb3_prune.penalties.base import Gradient, Penalty, PerUnit

Gradients = tuple[Gradient, Gradient]


class ImportancePenalty(Penalty):
    r"""The sum of the units' importance.

    .. math:: \sum_k \Omega_k, \quad
        \Omega_k = \sum_i W_{l, k i}^2 \sum_o W_{l+1, o k}^2

    The weights of a unit are pulled to zero as strongly as the unit is important: a
    unit with small weights on one side loses those on the other side slowly.

    References:
        Su et al. 2024, equations 12 and 13.
    """

    def value(self, incoming: torch.Tensor, outgoing: torch.Tensor) -> torch.Tensor:
        """Return the sum of the importance of all units."""
        return (incoming.square().sum(1) * outgoing.square().sum(1)).sum()

    def gradients(self, incoming: torch.Tensor, outgoing: torch.Tensor) -> Gradients:
        r"""Return :math:`2 W_{l, k i} \sum_o W_{l+1, o k}^2`, and its counterpart."""
        return PerUnit(_squares(outgoing), 2.0), PerUnit(_squares(incoming), 2.0)


class GroupLasso(Penalty):
    r"""The sum of the norms of the units' incoming weights.

    .. math:: \sum_k \lVert W_{l, k \cdot} \rVert_2

    It pulls all weights of a unit to zero together, with the same force however small
    they are. At zero, where there is no gradient, it is taken to be 0.

    References:
        Wen et al. 2016, "Learning structured sparsity in deep neural networks".
    """

    def value(self, incoming: torch.Tensor, outgoing: torch.Tensor) -> torch.Tensor:
        """Return the sum of the norms."""
        del outgoing
        norms: torch.Tensor = torch.linalg.vector_norm(incoming, dim=1)
        return norms.sum()

    def gradients(self, incoming: torch.Tensor, outgoing: torch.Tensor) -> Gradients:
        """Return the incoming weights of each unit, divided by their norm."""
        del outgoing
        squares = _squares(incoming)
        tiny = torch.finfo(squares.dtype).tiny
        return PerUnit(squares.clamp_min_(tiny).rsqrt_()), None


class L1(Penalty):
    r"""The sum of all weights' absolute values, :math:`\lVert W \rVert_1`.

    It pulls every weight to zero by itself.
    """

    counts_once = True

    def value(self, incoming: torch.Tensor, outgoing: torch.Tensor) -> torch.Tensor:
        """Return the sum of absolute values."""
        return incoming.abs().sum() + outgoing.abs().sum()

    def gradients(self, incoming: torch.Tensor, outgoing: torch.Tensor) -> Gradients:
        """Return the signs of the weights."""
        return incoming.sign(), outgoing.sign()


def _squares(weights: torch.Tensor) -> torch.Tensor:
    """Return the squared norm of each row, (K, 1)."""
    # Of a transposed matrix, norms by torch.linalg take eight times as long.
    return weights.square().sum(1, keepdim=True)


PENALTIES: dict[str, Penalty] = {
    "dsp": ImportancePenalty(),
    "group-lasso": GroupLasso(),
    "l1": L1(),
}
"""Penalties by the name that configurations use for them."""
