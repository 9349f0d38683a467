"""Tests for price.py."""

from __future__ import annotations

from typing import Any

import ofexi_zoo
import pytest
import torch
import zoo
from sb3_prune_xinet import XiNetConfig
from sb3_prune_xinet.anatomy import Anatomy
from sb3_prune_xinet.price import Price

CONFIG = XiNetConfig(nu_extractor=0.5, nu_policy=0.25, nu_value=2.0, rho=0.3, price=4.0)
OBSERVATION, ACTION = 3, 1


def anatomy(name: str, norm: str | None = None) -> Anatomy:
    """Look at an agent of random thetas, with or without an extractor."""
    policy = zoo.copied(name) if norm is None else ofexi_zoo.copied(name, norm)
    policy.double()
    ofexi_zoo.learn_thetas(policy)
    return Anatomy(policy)


def prices(agent: Anatomy) -> list[Price]:
    """Price the extractor, each network, and all networks together."""
    networks = list(agent.networks.values())
    found = [Price(CONFIG, agent, [network]) for network in networks]
    found.append(Price(CONFIG, agent, networks))
    return [*found, Price(CONFIG, agent, [])] if agent.features else found


def gradient(price: Price) -> torch.Tensor:
    sums = price.anatomy.sums().requires_grad_()
    found: torch.Tensor = torch.autograd.grad(price(sums), sums)[0]
    return found


@pytest.mark.parametrize("norm", [None, *ofexi_zoo.NORMS])
@pytest.mark.parametrize("name", ["ValueSAC", "TQC", "PPO"])
def test_slopes_are_the_gradient_wherever_the_thetas_are(name: str, norm: Any) -> None:
    agent = anatomy(name, norm)
    found = prices(agent)
    for seed in range(3):
        for price in found:
            torch.testing.assert_close(price.slopes(), gradient(price))
        for k, layer in enumerate(agent.layers):
            assert layer.gate is not None
            assert layer.gate.theta is not None
            torch.manual_seed(10 * seed + k)
            layer.gate.theta.data.uniform_()


def test_single_precision_is_enough() -> None:
    agent = Anatomy(ofexi_zoo.copied("ValueSAC"))
    for price in prices(agent):
        torch.testing.assert_close(price.slopes(), gradient(price))


@pytest.mark.parametrize(
    ("name", "nu"), [("actor.latent_pi", 0.25), ("value.net", 2.0), ("critic.qf1", 2.0)]
)
def test_a_network_is_charged_its_nu_times_the_price(name: str, nu: float) -> None:
    agent = anatomy("ValueSAC", "batch")
    network = agent.networks[name]
    price, sums = Price(CONFIG, agent, [network]), agent.sums()
    one, two = sums[network.span]
    branches = sums[:6] if name == "critic.qf1" else sums[:3]
    width = OBSERVATION + branches.sum() + (ACTION if name == "critic.qf1" else 0)
    torch.testing.assert_close(
        price(sums), 4 * nu * agent.network_complexity(network, sums)
    )
    expected = 4 * nu * torch.stack([1 + width + two, 1 + one + network.outputs])
    torch.testing.assert_close(price.slopes()[network.span], expected)


def test_the_extractor_is_charged_its_nu_times_the_price() -> None:
    agent = anatomy("ValueSAC", "batch")
    price, sums = Price(CONFIG, agent, []), agent.sums()
    expected = 4 * 0.5 * agent.extractor_complexity(0.3, sums)
    torch.testing.assert_close(price(sums), expected)
    # The last block of phi_oa: inputs, bias and norm, and who reads it: f_pred, Q1, Q2.
    first = [agent.networks[f"critic.qf{i}"].span.start for i in range(2)]
    width = OBSERVATION + ACTION + sums[:5].sum()
    last = 0.3 * (width + 3 + OBSERVATION + sums[first].sum())
    torch.testing.assert_close(price.slopes()[5], 4 * 0.5 * last)


def test_networks_that_are_stepped_together_pay_together() -> None:
    agent = anatomy("PPO")
    apart = [Price(CONFIG, agent, [network]) for network in agent.networks.values()]
    together = Price(CONFIG, agent, list(agent.networks.values()))
    expected = torch.stack([price.slopes() for price in apart]).sum(dim=0)
    torch.testing.assert_close(together.slopes(), expected)


def test_making_a_price_needs_no_gradients_of_the_caller() -> None:
    agent = anatomy("SAC")
    with torch.no_grad():
        price = Price(CONFIG, agent, list(agent.networks.values()))
    torch.testing.assert_close(price.slopes(), gradient(price))
    assert not price.slopes().requires_grad
