"""Tests for squashed.py."""

from __future__ import annotations

import math

import pytest
import torch
import zoo
from stable_baselines3.common.distributions import (
    DiagGaussianDistribution,
    SquashedDiagGaussianDistribution,
    StateDependentNoiseDistribution,
)
from torch.distributions import Normal

from sb3_prune.screening.squashed import gaussian_of, squashed_entropy
from screening.made import window_of


def _entropy(mean: float, spread: float) -> float:
    gaussian = Normal(torch.tensor([[mean]]), torch.tensor([[spread]]))
    return float(squashed_entropy(gaussian))


@pytest.mark.parametrize("mean", [0.0, 0.7, -3.0])
@pytest.mark.parametrize("spread", [0.05, 0.6, 2.0, 7.4])
def test_it_is_what_many_draws_say(mean: float, spread: float) -> None:
    torch.manual_seed(0)
    gaussian = Normal(torch.tensor(mean).double(), torch.tensor(spread).double())
    drawn = gaussian.sample((400_000,))  # type: ignore[no-untyped-call]
    slopes = -2 * (torch.logaddexp(drawn, -drawn) - math.log(2))  # 1 / cosh(u)^2
    expected = (-gaussian.log_prob(drawn) + slopes).mean()  # type: ignore[no-untyped-call]
    assert _entropy(mean, spread) == pytest.approx(float(expected), abs=0.06)


def test_a_hardly_squashed_gaussian_keeps_its_entropy() -> None:
    expected = math.log(2 * math.pi * math.e) / 2 + math.log(1e-3)
    assert _entropy(0.0, 1e-3) == pytest.approx(expected, abs=1e-5)


def test_saturated_actions_lose_no_digits() -> None:
    """Far out ln(1 - tanh^2 u) is 2 ln 2 - 2 |u|, linear, so its mean is exact."""
    expected = math.log(2 * math.pi * math.e) / 2 + math.log(0.5)
    expected += 2 * math.log(2) - 2 * 30
    assert _entropy(30.0, 0.5) == pytest.approx(expected, abs=1e-4)


def test_the_even_distribution_is_the_bound() -> None:
    """Of all spreads, none has more than ln 2 in [-1, 1]."""
    found = [_entropy(0.0, 0.1 * k) for k in range(1, 80)]
    assert 0.98 * math.log(2) < max(found) <= math.log(2)


def test_dimensions_add_up() -> None:
    means, spreads = torch.tensor([[0.3, -2.0]]), torch.tensor([[1.5, 0.2]])
    both = float(squashed_entropy(Normal(means, spreads)))
    assert both == pytest.approx(_entropy(0.3, 1.5) + _entropy(-2.0, 0.2), abs=1e-5)


def test_gsde_counts_all_noises() -> None:
    found = window_of(zoo.make_model("SAC", use_sde=True), 16)
    gaussian = gaussian_of(found.distribution())
    assert gaussian is not None
    assert torch.equal(found.policy_entropies(), squashed_entropy(gaussian))


def test_which_distributions_squash() -> None:
    mean, spread = torch.zeros(3, 1), torch.zeros(3, 1)
    squashed = SquashedDiagGaussianDistribution(1).proba_distribution(mean, spread)
    assert gaussian_of(squashed) is squashed.distribution
    plain = DiagGaussianDistribution(1).proba_distribution(mean, spread)
    assert gaussian_of(plain) is None
    assert gaussian_of(StateDependentNoiseDistribution(1)) is None


@pytest.mark.parametrize("name", ["SAC", "TQC"])
def test_a_saturated_agent(name: str) -> None:
    """Its mean is 20, where the estimate by SB3's log p knows no more than 1e-6."""
    model = zoo.make_model(name)
    with torch.no_grad():
        model.actor.mu.bias.fill_(20.0)  # type: ignore[attr-defined]
    found = window_of(model, 16).policy_entropies()
    assert float(found.max()) < -30
