"""Calibration: prices in units of what the losses say about the thetas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from sb3_prune.gates import Gate


class Calibration:
    r"""Measures how strongly the loss of each part pulls at its thetas.

    .. math:: \nu_x = r \, \frac{\mathrm{rms}(\partial L_x / \partial \theta)}
        {\mathrm{mean}_k (\partial C_x / \partial \theta_k)}

    Losses differ by orders of magnitude between tasks and networks, and with them what
    a price of :math:`\nu` means. In these units r is the price of the average unit.

    Args:
        steps: Gradients that are looked at, of each part.

    Attributes:
        nus: Prices of a parameter by part: networks, and ``ofe`` for the extractor.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.nus: dict[str, float] = {}
        self._squares: dict[str, list[float]] = {}

    def observe(self, name: str, gates: Sequence[Gate]) -> bool:
        """Look at the gradients of a part's thetas, if there are any.

        Returns:
            Whether enough was seen to set its price.
        """
        thetas = [gate.theta for gate in gates if gate.theta is not None]
        found = [theta.grad for theta in thetas if theta.grad is not None]
        if found:
            square = torch.cat(found).square().mean()
            self._squares.setdefault(name, []).append(float(square))
        return len(self._squares.get(name, ())) >= self.steps

    def settle(self, name: str, strength: float, slope: float) -> None:
        """Set the price of a part for good.

        Args:
            name: The part.
            strength: r, the price of the average unit.
            slope: Parameters that the average unit costs; units that cost none, as
                those of phi_oa at rho = 0, have no price.
        """
        squares = self._squares.pop(name)
        rms = (sum(squares) / len(squares)) ** 0.5
        self.nus[name] = strength * rms / slope if slope else 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return prices and what was seen, JSON-able."""
        return {"nus": dict(self.nus), "squares": dict(self._squares)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what was seen."""
        self.nus = dict(state["nus"])
        self._squares = {name: list(seen) for name, seen in state["squares"].items()}
