"""Tests for surgery/tried.py: when a layer is tried again."""

from __future__ import annotations

from typing import Any

import pytest
from user_networks import make_user_model

import sb3_prune as sp
from sb3_prune.surgery.tried import keep_trials, tried_layers


def passed() -> Any:
    """Return a policy all of whose layers have passed."""
    policy = make_user_model("standardised").policy
    tried_layers(policy).update(sp.wire(policy))
    return policy


def test_what_has_passed_counts_until_the_code_changes() -> None:
    policy = passed()
    assert tried_layers(policy) == set(sp.wire(policy))
    policy.mlp_extractor.stage = 2
    assert not tried_layers(policy)


def test_a_hook_is_code_too() -> None:
    policy = passed()
    policy.mlp_extractor.register_forward_hook(lambda *_: None)
    assert not tried_layers(policy)


@pytest.mark.parametrize("name", ["standardised", "experts"])
def test_a_cut_keeps_what_has_passed(name: str) -> None:
    model = make_user_model(name)
    first, units = next(iter(sp.wire(model).units().items()))
    sp.surgery.apply(model, {first: sp.remove([0], units)})
    assert tried_layers(model.policy) == {first}
    sp.surgery.apply(model, {first: sp.remove([0], units - 1)})


def test_widths_that_a_cut_changes_are_no_new_code() -> None:
    policy = passed()
    policy.mlp_extractor.width = 3
    keep_trials(policy)
    assert tried_layers(policy)
