"""Tests for entropies.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zoo
from sb3_prune_screening import Entropy, EntropyConfig, GuidedEntropy
from screening.made import window, window_of
from torch import nn

from sb3_prune.exceptions import ConfigError, UnknownNameError, UnsupportedPolicyError
from sb3_prune.screening import Screener, make_screener, sensitivities

NAMES = ["entropy", "gradient-entropy", "guided-entropy", "integrated-gradients"]


def entropy_by_numpy(values: Any) -> float:
    counts = np.histogram(np.concatenate([v.ravel() for v in values]), bins=7)[0]
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def test_the_three_estimators_of_the_source() -> None:
    found = window("A2C")
    plain = [rows.numpy() for rows in found.activations().values()]
    assert make_screener("entropy").value(found) == pytest.approx(
        entropy_by_numpy(plain)
    )
    for name, guided in (("gradient-entropy", False), ("guided-entropy", True)):
        measured = sensitivities(found, guided=guided).values()
        values = [(each.activations * each.gradients).numpy() for each in measured]
        expected = entropy_by_numpy(values)
        assert make_screener(name).value(found) == pytest.approx(expected)


@pytest.mark.parametrize("name", NAMES)
def test_every_option_reaches_the_histogram(name: str) -> None:
    found = window("A2C")
    default = make_screener(name).value(found)
    for options in ({"pooling": "layer"}, {"pooling": "unit"}, {"bins": 9}):
        assert make_screener(name, options).value(found) != default
    bits = make_screener(name, {"base": 2.0}).value(found)
    assert bits == pytest.approx(default / np.log(2))
    assert make_screener(name, {"width_term": True}).value(found) != default
    critic = make_screener(name, {"networks": ["mlp_extractor.value_net"]})
    assert critic.value(found) != default


@pytest.mark.parametrize("name", NAMES)
def test_details_are_the_entropies_of_units(name: str) -> None:
    found = window("A2C")
    details = make_screener(name).details(found)
    assert [len(units) for units in details.values()] == zoo.ARCH
    mean = np.mean([value for units in details.values() for value in units])
    by_unit = make_screener(name, {"pooling": "unit"}).value(found)
    assert mean == pytest.approx(by_unit)


class ReluThenTanh(nn.Module):
    """The source's nets: a new one for each layer, ReLU first, then tanh."""

    made = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).made += 1
        odd = type(self).made % 2 == 1  # Policy and critic have two layers each.
        self.function = nn.ReLU() if odd else nn.Tanh()

    def forward(self, units: Any) -> Any:
        return self.function(units)


def test_tanh_is_refused_by_name() -> None:
    found = window("A2C", nn.Tanh)
    for others in ("refuse", "plain", "leave-out"):
        with pytest.raises(UnsupportedPolicyError, match=r"policy_net\.0, mlp_ext"):
            make_screener("guided-entropy", {"others": others}).value(found)


def test_relu_then_tanh_is_what_the_option_says() -> None:
    ReluThenTanh.made = 0
    kwargs = {"activation_fn": ReluThenTanh}
    found = window_of(zoo.make_model("A2C", stock=True, policy_kwargs=kwargs))
    with pytest.raises(UnsupportedPolicyError, match=r": mlp_extractor\.policy_net\.2"):
        GuidedEntropy().value(found)
    measured = sensitivities(found, guided=True)
    relu, tanh = measured.values()
    assert relu.is_relu and not tanh.is_relu
    plain = make_screener("guided-entropy", {"others": "plain"})
    expected = entropy_by_numpy([relu.weighted.numpy(), tanh.weighted.numpy()])
    assert plain.value(found) == pytest.approx(expected)
    unguided = list(sensitivities(found).values())
    assert bool((tanh.gradients == unguided[1].gradients).all())
    assert bool((relu.gradients == unguided[0].gradients.clamp(min=0)).all())
    less = make_screener("guided-entropy", {"others": "leave-out"})
    assert less.value(found) == pytest.approx(entropy_by_numpy([relu.weighted.numpy()]))
    assert list(less.details(found)) == ["mlp_extractor.policy_net.0"]


@pytest.mark.parametrize("name", NAMES[1:])
def test_off_policy_gradients_are_refused_by_name(name: str) -> None:
    with pytest.raises(UnsupportedPolicyError, match="which SAC does not have"):
        make_screener(name).value(window("SAC"))


def test_bad_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="others"):
        make_screener("guided-entropy", {"others": "skip"})
    with pytest.raises(ConfigError, match="points"):
        make_screener("integrated-gradients", {"points": 0})
    with pytest.raises(ConfigError, match="window"):
        EntropyConfig(window=0)
    with pytest.raises(ConfigError, match="bins"):
        EntropyConfig(bins=0)
    with pytest.raises(UnknownNameError, match="network 'actor'"):
        Entropy(EntropyConfig(networks=("actor",))).value(window("A2C"))
    assert isinstance(Entropy(), Screener)
