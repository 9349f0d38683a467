"""Calibration: prices relative to the gradients of the losses at the thetas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from sb3_prune.gates import Gate
from sb3_prune.strategies import entry_of


class Calibration:
    r"""Set prices relative to the gradients of the losses at the thetas.

    .. math:: \nu_x = r \, \frac{\mathrm{rms}(\partial L_x / \partial \theta)}
        {\mathrm{mean}_k (\partial C_x / \partial \theta_k)}

    Losses differ by orders of magnitude between tasks and networks, so the same
    :math:`\nu` is high for one network and low for another. With this :math:`\nu_x`,
    the price of the average unit is r times the gradient of the loss.

    Args:
        steps: Number of gradients to measure for each part.

    Attributes:
        nus: Price nu of a parameter by part: the name of a network, or ``ofe`` for the
            features extractor.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.nus: dict[str, float] = {}
        self._squares: dict[str, list[float]] = {}

    def observe(self, name: str, gates: Sequence[Gate]) -> bool:
        """Measure the gradients of a part's thetas, if there are any.

        Returns:
            Whether enough gradients were measured to set the part's price.
        """
        thetas = [gate.theta for gate in gates if gate.theta is not None]
        found = [theta.grad for theta in thetas if theta.grad is not None]
        if found:
            square = torch.cat(found).square().mean()
            self._squares.setdefault(name, []).append(float(square))
        return len(self._squares.get(name, ())) >= self.steps

    def settle(self, name: str, strength: float, slope: float) -> None:
        """Set the price of a part, which is then fixed.

        Args:
            name: The part.
            strength: r, the price of the average unit relative to the gradient.
            slope: Parameters that the average unit costs. If it is 0, as for phi_oa at
                rho = 0, the price is 0.
        """
        squares = self._squares.pop(name)
        rms = (sum(squares) / len(squares)) ** 0.5
        self.nus[name] = strength * rms / slope if slope else 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return the prices and the measurements so far, JSON-able."""
        return {"nus": dict(self.nus), "squares": dict(self._squares)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from saved prices and measurements."""
        nus = entry_of(state, "nus", dict[str, float])
        self._squares = entry_of(state, "squares", dict[str, list[float]])
        self.nus = nus
