"""Price: the price of the expected parameters of networks that share an optimiser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch.autograd.functional import hessian, jacobian

from sb3_prune_xinet.anatomy import Anatomy, Network
from sb3_prune_xinet.config import XiNetConfig

EXTRACTOR = "ofe"
"""Name of the features extractor among the parts of an agent."""


def kind_of(network: Network) -> str:
    """Return the name of the option that is the network's price nu."""
    return "nu_value" if network.role.estimates_values else "nu_policy"


class Price:
    r"""The price :math:`\nu C` that is added to a loss, and its slopes.

    C is the expected number of parameters. It is a polynomial of degree two in the sums
    :math:`|\theta_l|`, so its gradient is affine in the sums. Autograd computes the
    constant and the matrix of this gradient once; each step of theta then takes one
    matrix product instead of a backward pass.

    Args:
        config: The options of the strategy.
        anatomy: The parts of the agent.
        networks: The networks to price; empty to price the features extractor.
        nus: Price of a parameter by the network's name, or by ``ofe`` for the
            extractor. Parts that are missing here have the price of the configuration.
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

        It has an entry for each hidden layer of the agent, at the present thetas.
        """
        return torch.addmv(self._slope, self._curvature, self.anatomy.sums())
