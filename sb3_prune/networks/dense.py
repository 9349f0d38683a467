"""Dense blocks: layers that append new units to what they read."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from sb3_prune.exceptions import ConfigError
from sb3_prune.gates import Gate

Norm = Literal["batch", "layer", "none"]
Activation = Literal["silu", "tanh"]

ACTIVATIONS: dict[str, type[nn.Module]] = {"silu": nn.SiLU, "tanh": nn.Tanh}
"""Twice differentiable and zero at zero, as the method's theory asks for."""


class LiveLayerNorm(nn.LayerNorm):
    r"""Layer normalisation over the units that are alive.

    .. math:: y = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta, \quad
        \mu = \frac{\sum_k w_k x_k}{\sum_k w_k}, \quad
        \sigma^2 = \frac{\sum_k w_k (x_k - \mu)^2}{\sum_k w_k}

    Units that their gate silences (w = 0) do not count, so removing them leaves the
    others as they are.
    """

    def forward(
        self, hidden: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Normalise each row.

        Args:
            hidden: Units, (batch, units).
            weights: How much each unit counts, w, (units,); None counts all alike.
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

    V is diagonal and starts as the identity (Guenter & Sideris, equation 10). New units
    come last, so that a unit keeps its place in everything that reads it.

    Attributes:
        scale: Diagonal of V, shape (inputs,).
        norm: Normalisation of the new units.
        activation: Their activation a.
        gate: Their gate.
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
            inputs: Width of what it reads.
            units: Number of units it appends.
            norm: ``layer``, ``batch`` with the constants of Keras, or ``none``.
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
        """Draw W by Glorot's rule; b becomes zero and V the identity."""
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)
        if hasattr(self, "scale"):  # Not yet while torch builds the Linear.
            nn.init.ones_(self.scale)

    @property
    def width(self) -> int:
        """Width of what the block returns, inputs + units."""
        return len(self.scale) + len(self.weight)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the scaled input and the new units, (batch, inputs + units)."""
        hidden = functional.linear(inputs, self.weight, self._bias())
        return torch.cat([self.scale * inputs, self.new_units(hidden)], dim=1)

    def new_units(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the new units of W z + b, (batch, units)."""
        if isinstance(self.norm, LiveLayerNorm):
            hidden = self.norm(hidden, self.gate.expected)
        else:
            hidden = self.norm(hidden)
        units: torch.Tensor = self.gate(self.activation(hidden))
        return units

    def _bias(self) -> torch.Tensor:
        """Return b, without gradient where the batch's mean takes it away again.

        What is left of that gradient is rounding, which Adam makes as large as any
        step: the running statistics would lag behind a random walk.
        """
        if self.training and isinstance(self.norm, nn.BatchNorm1d):
            return self.bias.detach() + 0 * self.bias
        return self.bias


def _norm(kind: str, units: int) -> nn.Module:
    if kind == "batch":
        # The original OFENet's: Keras' momentum 0.99 is 0.01 in torch's counting.
        return nn.BatchNorm1d(units, eps=1e-3, momentum=0.01)
    if kind == "layer":
        return LiveLayerNorm(units)
    if kind == "none":
        return nn.Identity()
    raise ConfigError(f"norm must be batch, layer or none, got {kind!r}.")


def _activation(kind: str) -> nn.Module:
    if kind not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ConfigError(f"activation must be one of {known}; got {kind!r}.")
    return ACTIVATIONS[kind]()


def dense_net(
    inputs: int,
    units: int,
    blocks: int,
    norm: Norm = "layer",
    activation: Activation = "silu",
) -> nn.Sequential:
    """Return a DenseNet of equal blocks, (batch, inputs) -> inputs + blocks * units."""
    widths = range(inputs, inputs + blocks * units, units)
    return nn.Sequential(*(DenseBlock(w, units, norm, activation) for w in widths))


def dense_blocks(net: nn.Sequential | None) -> list[DenseBlock]:
    """Return the blocks of a DenseNet; none without one."""
    return [block for block in net or () if isinstance(block, DenseBlock)]
