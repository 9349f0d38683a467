"""Gates: one multiplier per hidden unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from sb3_prune.exceptions import PlanError


class Gate(nn.Module):
    r"""Multiply every hidden unit by its mask.

    .. math:: h'_k = m_k h_k, \quad m_k \in \{0, 1\}

    A gate that was never closed holds no tensor at all: it costs nothing, adds no key
    to the state dict, and leaves training bit-equal to the ungated network.

    Attributes:
        mask: Multiplier of each unit, shape (units,), or None while all are open.
    """

    mask: torch.Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", None)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the gated units, shape (batch, units)."""
        return hidden if self.mask is None else hidden * self.mask

    @torch.no_grad()
    def close(self, closed: Sequence[int], like: torch.Tensor) -> None:
        """Silence units for good.

        Args:
            closed: Indices of the units to silence.
            like: The layer's bias or any tensor of shape (units,) on its device.

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
        """Let every unit pass again."""
        self.mask = None

    def extra_repr(self) -> str:
        """Show how many units pass."""
        if self.mask is None:
            return "open"
        return f"{int(self.mask.count_nonzero())} of {self.mask.numel()} open"

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any
    ) -> None:
        # An absent key means "all open", so weights of the stock policy load as well.
        mask = state_dict.get(prefix + "mask")
        self.mask = None if mask is None else mask.detach().clone()
        super()._load_from_state_dict(state_dict, prefix, *args)
