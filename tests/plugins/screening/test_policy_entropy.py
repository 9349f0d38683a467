"""Tests for policy_entropy.py."""

from __future__ import annotations

import math

import pytest
import torch
import zoo
from screening.made import window_of

from sb3_prune.exceptions import ConfigError
from sb3_prune.screening import make_screener


def test_even_choices_have_one_bit() -> None:
    model = zoo.make_model("A2C", learning_rate=0.0)
    with torch.no_grad():
        model.policy.action_net.weight.zero_()  # type: ignore[union-attr,operator]
    found = window_of(model)
    assert make_screener("policy-entropy").value(found) == pytest.approx(math.log(2))
    bits = make_screener("policy-entropy", {"base": 2.0})
    assert bits.value(found) == pytest.approx(1)


def test_a_gaussian_by_hand() -> None:
    """Its deviation is 1 at first: ln(2 pi e) / 2."""
    found = window_of(zoo.make_model("TRPO"), 16)
    expected = math.log(2 * math.pi * math.e) / 2
    assert make_screener("policy-entropy").value(found) == pytest.approx(expected)


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="base"):
        make_screener("policy-entropy", {"base": 0.5})
