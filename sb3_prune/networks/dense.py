"""Dense blocks: layers that append new units to their input."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from sb3_prune.exceptions import ConfigError, shown
from sb3_prune.gates import Gate

Norm = Literal["batch", "layer", "none"]
Activation = Literal["silu", "tanh"]

ACTIVATIONS: dict[str, type[nn.Module]] = {"silu": nn.SiLU, "tanh": nn.Tanh}
"""Activation functions that are twice differentiable and zero at zero.

The theory of Guenter & Sideris 2025 requires both.
"""


class LiveLayerNorm(nn.LayerNorm):
    r"""Layer normalisation whose mean and variance leave out closed units.

    .. math:: y = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta, \quad
        \mu = \frac{\sum_k w_k x_k}{\sum_k w_k}, \quad
        \sigma^2 = \frac{\sum_k w_k (x_k - \mu)^2}{\sum_k w_k}

    The weight :math:`w_k` is the expected multiplier of unit k's gate. A unit with a
    closed gate has the weight 0, so removing it does not change the other units. A
    standard layer normalisation would change them.
    """

    def forward(
        self, hidden: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Normalise each row.

        Args:
            hidden: Units, (batch, units).
            weights: Weight w of each unit, (units,); None gives all equal weights.
        """
        if weights is None:
            return functional.layer_norm(
                hidden, self.weight.shape, self.weight, self.bias, self.eps
            )
        share = weights / weights.sum().clamp_min(1e-12)
        centred = hidden - (hidden @ share)[:, None]
        variance = (centred * centred) @ share
        scaled = centred * (variance + self.eps).rsqrt()[:, None]
        return torch.addcmul(self.bias, scaled, self.weight)


class DenseBlock(nn.Linear):
    r"""A Linear layer that appends its units to its scaled input.

    .. math:: z_l = [V_l z_{l-1};\; \xi_l \odot a(\mathrm{norm}(W_l z_{l-1} + b_l))]

    V is diagonal and starts as the identity (Guenter & Sideris 2025, equation 10). The
    new units come last, so that the index of a unit is the same in all later blocks.

    Attributes:
        scale: Diagonal of V, shape (inputs,).
        norm: Normalisation of the new units.
        activation: Activation function a of the new units.
        gate: Gate of the new units, which multiplies them by xi.
    """

    def __init__(
        self,
        inputs: int,
        units: int,
        norm: Norm = "layer",
        activation: Activation = "silu",
    ) -> None:
        """Build the block.

        Args:
            inputs: Width of the input.
            units: Number of units that the block appends.
            norm: ``layer``, ``batch`` with the default constants of Keras, or ``none``.
            activation: ``silu`` or ``tanh``.

        Raises:
            ConfigError: There is no such normalisation or activation.
        """
        super().__init__(inputs, units)
        self.scale = nn.Parameter(torch.ones(inputs))
        self.norm = _norm(norm, units)
        self.activation = _activation(activation)
        self.gate = Gate()

    def reset_parameters(self) -> None:
        """Draw W with Xavier initialisation; set b to zero and V to the identity."""
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)
        if hasattr(self, "scale"):  # nn.Linear calls this before scale exists.
            nn.init.ones_(self.scale)

    @property
    def width(self) -> int:
        """Width of the output, inputs + units."""
        return len(self.scale) + len(self.weight)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the scaled input and the new units, (batch, inputs + units)."""
        hidden = functional.linear(inputs, self.weight, self._bias())
        return torch.cat([self.scale * inputs, self.new_units(hidden)], dim=1)

    def new_units(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the new units, (batch, units), computed from ``hidden`` = W z + b."""
        if isinstance(self.norm, LiveLayerNorm):
            hidden = self.norm(hidden, self.gate.expected)
        else:
            hidden = self.norm(hidden)
        units: torch.Tensor = self.gate(self.activation(hidden))
        return units

    def _bias(self) -> torch.Tensor:
        """Return b, without its gradient during training with batch normalisation.

        Batch normalisation subtracts the mean of the batch and with it b, so the true
        gradient of b is zero. The computed gradient is only rounding noise, but Adam
        scales it up to full steps. Then b would perform a random walk, and the running
        statistics would lag behind it.
        """
        if self.training and isinstance(self.norm, nn.BatchNorm1d):
            return self.bias.detach() + 0 * self.bias
        return self.bias


def _norm(kind: str, units: int) -> nn.Module:
    if kind == "batch":
        # As in the original OFENet: momentum 0.99 in Keras is 0.01 in torch.
        return nn.BatchNorm1d(units, eps=1e-3, momentum=0.01)
    if kind == "layer":
        return LiveLayerNorm(units)
    if kind == "none":
        return nn.Identity()
    raise ConfigError(f"norm must be batch, layer or none, got {shown(kind)}.")


def _activation(kind: str) -> nn.Module:
    if kind not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ConfigError(f"activation must be one of {known}; got {shown(kind)}.")
    return ACTIVATIONS[kind]()


def dense_net(
    inputs: int,
    units: int,
    blocks: int,
    norm: Norm = "layer",
    activation: Activation = "silu",
) -> nn.Sequential:
    """Return a DenseNet: equal dense blocks, one after the other.

    It maps (batch, inputs) to (batch, inputs + blocks * units).
    """
    widths = range(inputs, inputs + blocks * units, units)
    return nn.Sequential(*(DenseBlock(w, units, norm, activation) for w in widths))


def dense_blocks(net: nn.Sequential | None) -> list[DenseBlock]:
    """Return the dense blocks of a DenseNet; an empty list for None."""
    return [block for block in net or () if isinstance(block, DenseBlock)]
