"""Gates: one multiplier per hidden unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from sb3_prune.exceptions import PlanError

OPTIONAL = ("mask", "theta", "theta_mean", "theta_square", "theta_steps")
"""Names of the tensors that a gate holds only while it needs them."""


class Gate(nn.Module):
    r"""Multiply every hidden unit by its mask, or by a Bernoulli variable.

    .. math:: h'_k = m_k \xi_k h_k, \quad m_k \in \{0, 1\}, \quad
        \xi_k \sim \mathrm{Bernoulli}(\theta_k)

    The mask m closes units. The probability :math:`\theta` is learnt by gradient
    descent, so that training itself finds the units that can be removed: those whose
    :math:`\theta` reaches 0 (Guenter & Sideris 2025).

    While a strategy learns :math:`\theta`, the network that is being updated draws one
    :math:`\xi` per forward pass. A sample has no derivative, so the straight-through
    gradient :math:`\partial C / \partial \theta := \partial C / \partial \xi` takes its
    place (Guenter & Sideris 2025, equation 7). In every other case the gate multiplies
    by :math:`\theta`, the expected value of :math:`\xi`: when the agent acts, in target
    networks, while another network is updated, and when no strategy learns
    :math:`\theta`.

    A gate that was never closed and learns no :math:`\theta` holds no tensor. Such a
    gate costs nothing, adds no key to the state dict, and leaves training bit-equal to
    the network without gates.

    Attributes:
        mask: Multiplier of each unit, shape (units,), or None while all units are open.
        theta: Probability that each unit is on, shape (units,), or None while every
            unit is on with certainty.
        theta_mean: Running mean of the gradient of theta, shape (units,).
        theta_square: Running mean of the squared gradient of theta, shape (units,).
        theta_steps: Number of update steps of theta, a scalar.
        axis: Axis of the units in the input, counted from the end: -1 behind a Linear,
            -3 for the channels of images.
        drawn: Whether a strategy is learning theta. If not, no xi is drawn and theta
            takes no gradient.
        hold: Multiply by theta although it is being learnt, because another network is
            being updated.
    """

    mask: torch.Tensor | None
    theta: nn.Parameter | None
    theta_mean: torch.Tensor | None
    theta_square: torch.Tensor | None
    theta_steps: torch.Tensor | None

    def __init__(self, axis: int = -1) -> None:
        super().__init__()
        self.axis = axis
        self.drawn = self.hold = False
        self.register_parameter("theta", None)
        for name in OPTIONAL:
            if name != "theta":
                self.register_buffer(name, None)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the gated units, shape (batch, units) or (batch, units, positions)."""
        theta, mask = self.theta, self.mask
        if theta is not None:
            hidden = hidden * self._spread(self._multiplier(theta))
        return hidden if mask is None else hidden * self._spread(mask)

    def _spread(self, multiplier: torch.Tensor) -> torch.Tensor:
        """Return one multiplier per unit, shaped to broadcast along the unit axis."""
        if self.axis == -1:
            return multiplier
        return multiplier.reshape(-1, *[1] * (-self.axis - 1))

    def _multiplier(self, theta: nn.Parameter) -> torch.Tensor:
        fixed = theta.detach()
        updating = self.training and torch.is_grad_enabled()
        if self.hold or not (self.drawn and updating):
            return fixed
        return theta + (torch.bernoulli(fixed) - fixed)

    @property
    def expected(self) -> torch.Tensor | None:
        """Expected multiplier of each unit, (units,); None while all units are open."""
        theta, mask = self.theta, self.mask
        if theta is None:
            return mask
        return theta.detach() if mask is None else theta.detach() * mask

    @torch.no_grad()
    def close(self, closed: Sequence[int], like: torch.Tensor) -> None:
        """Close the gate of some units: their output is zero until :meth:`open`.

        Args:
            closed: Indices of the units to close.
            like: The layer's bias, or any tensor of shape (units,) on its device.

        Raises:
            PlanError: An index is not a unit of this layer.
        """
        units = like.shape[0]
        wrong = [k for k in closed if not 0 <= k < units]
        if wrong:
            raise PlanError(f"Units {wrong} do not exist: the layer has {units}.")
        mask = torch.ones_like(like) if self.mask is None else self.mask.clone()
        mask[list(closed)] = 0.0
        self.mask = mask

    def open(self) -> None:
        """Open the gate of every unit again."""
        self.mask = None

    def learn(self, like: torch.Tensor) -> None:
        """Start to learn theta, which begins at 1 for every unit.

        Args:
            like: The layer's bias, or any tensor of shape (units,) on its device.
        """
        ones = torch.ones_like(like, requires_grad=False)
        self.theta = nn.Parameter(ones, requires_grad=like.requires_grad)
        self.theta_mean = torch.zeros_like(ones)
        self.theta_square = torch.zeros_like(ones)
        self.theta_steps = ones.new_zeros(())
        self.drawn = True

    def settle(self) -> None:
        """Stop learning theta and drop it: every unit is on with certainty again."""
        self.drawn = False
        for name in OPTIONAL[1:]:
            setattr(self, name, None)

    def extra_repr(self) -> str:
        """Show how many units are open."""
        expected = self.expected
        if expected is None:
            return "open"
        return f"{float(expected.sum()):g} of {expected.numel()} open"

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any
    ) -> None:
        # A missing key means "all units open": weights of a stock policy load as well.
        for name in OPTIONAL:
            saved = state_dict.get(prefix + name)
            tensor = None if saved is None else saved.detach().clone()
            if name == "theta" and tensor is not None:
                tensor = nn.Parameter(tensor, requires_grad=self._is_learning())
            setattr(self, name, tensor)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _is_learning(self) -> bool:
        return self.theta is None or self.theta.requires_grad
