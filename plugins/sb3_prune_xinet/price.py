"""Price: what the parameters of the networks that one optimiser steps cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch.autograd.functional import hessian, jacobian

from sb3_prune_xinet.anatomy import Anatomy, Network
from sb3_prune_xinet.config import XiNetConfig

EXTRACTOR = "ofe"
"""Name of the feature extractor among the parts of an agent."""


def kind_of(network: Network) -> str:
    """Return which option prices a network."""
    return "nu_value" if network.role.estimates_values else "nu_policy"


class Price:
    r"""The price :math:`\nu C` that is added to a loss, and its slopes.

    C is a polynomial of degree two in the sums :math:`|\theta_l|`, so its gradient is
    affine in them. Autograd finds both coefficients once, so that a step of theta takes
    one product and no backward pass.

    Args:
        config: How strongly to prune what.
        anatomy: The agent.
        networks: Networks that are priced together; none for the feature extractor.
        nus: Prices of a parameter by network, and of the extractor by ``ofe``; those
            of the configuration where there is none.
    """

    def __init__(
        self,
        config: XiNetConfig,
        anatomy: Anatomy,
        networks: Sequence[Network],
        nus: Mapping[str, float] | None = None,
    ) -> None:
        self.config = config
        self.nus = nus or {}
        self.anatomy = anatomy
        self.networks = networks
        nothing = torch.zeros_like(anatomy.sums())
        with torch.enable_grad():
            self._slope = jacobian(self, nothing)  # type: ignore[no-untyped-call]
            self._curvature = hessian(self, nothing, vectorize=True)  # type: ignore[no-untyped-call]

    def __call__(self, sums: torch.Tensor) -> torch.Tensor:
        """Return the price, a scalar.

        Args:
            sums: Expected units of every layer of the agent, (layers,).
        """
        if not self.networks:
            nu = self._nu(EXTRACTOR, "nu_extractor")
            rho = self.config.strength("rho")
            return nu * self.anatomy.extractor_complexity(rho, sums)
        parts = [self._of(network, sums) for network in self.networks]
        return torch.stack(parts).sum()

    def _of(self, network: Network, sums: torch.Tensor) -> torch.Tensor:
        complexity = self.anatomy.network_complexity(network, sums)
        return self._nu(network.name, kind_of(network)) * complexity

    def _nu(self, name: str, kind: str) -> float:
        return self.nus.get(name, self.config.strength(kind))

    def slopes(self) -> torch.Tensor:
        r"""Return :math:`\nu \, \partial C / \partial |\theta_l|`, (layers,).

        Of every layer of the agent, at its present thetas.
        """
        return torch.addmv(self._slope, self._curvature, self.anatomy.sums())
