"""Tests for surgery/masking.py."""

from __future__ import annotations

from typing import Any

import pytest
import zoo

import sb3_prune as sp
from sb3_prune.exceptions import PlanError, UnknownNameError, UnsupportedPolicyError
from sb3_prune.surgery import keep, merge, remove, remove_closed
from sb3_prune.surgery.masking import closed_units

FIRST, SECOND = "q_net.q_net.0", "q_net.q_net.2"


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_masked_and_cut_networks_say_the_same(name: str) -> None:
    masked, cut = zoo.copied(name), zoo.copied(name)
    plan = zoo.random_plan(masked, gated=True)
    for policy in (masked, cut):
        sp.mask(policy, plan)
    remove_closed(cut)
    zoo.assert_close(zoo.outputs(cut), zoo.outputs(masked), 1e-6)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_removing_opens_what_is_left(name: str) -> None:
    policy = zoo.copied(name)
    keys = set(policy.state_dict())
    sp.mask(policy, zoo.random_plan(policy, gated=True))
    assert set(policy.state_dict()) > keys
    remove_closed(policy)
    assert set(policy.state_dict()) == keys
    assert not closed_units(sp.wire(policy))


def test_targets_are_masked_too() -> None:
    policy = zoo.copied("DQN")
    sp.mask(policy, {FIRST: remove([3], 12)})
    online, target = sp.wire(policy)[FIRST].with_targets()
    assert online.active.tolist() == target.active.tolist()
    assert int(online.active.sum()) == 11


def test_masks_add_up() -> None:
    policy = zoo.copied("DQN")
    sp.mask(policy, {FIRST: remove([3], 12)})
    sp.mask(policy, {FIRST: keep(range(1, 12), 12)})
    plan = closed_units(sp.wire(policy))
    assert plan[FIRST].removed.tolist() == [0, 3]


def test_removing_nothing_changes_nothing() -> None:
    policy = zoo.copied("SAC")
    before = zoo.snapshot(policy)
    report = remove_closed(policy)
    assert report.units == {}
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)


@pytest.mark.parametrize(
    ("plan", "error", "message"),
    [
        ({SECOND: remove([1], 64)}, PlanError, r"64 units in 'q_net\.q_net\.2'.* 10"),
        ({SECOND: remove([1], 8)}, PlanError, r"8 units in 'q_net\.q_net\.2'.* 10"),
        ({"actor.0": remove([1], 8)}, UnknownNameError, r"'actor\.0'.*q_net\.q_net\.0"),
        (
            {SECOND: merge([[0, 1], *[[k] for k in range(2, 10)]], 10)},
            PlanError,
            r"'q_net\.q_net\.2' has Change\(10 -> 9 units, mix\)",
        ),
    ],
)
def test_a_refused_plan_closes_no_gate(plan: Any, error: Any, message: str) -> None:
    policy = zoo.copied("DQN")
    before = zoo.snapshot(policy)
    with pytest.raises(error, match=message):
        sp.mask(policy, {FIRST: remove([1], 12), **plan})
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)


def test_the_last_gates_of_a_layer_stay_open() -> None:
    policy = zoo.copied("DQN")
    sp.mask(policy, {FIRST: keep([0, 1], 12)})
    with pytest.raises(PlanError, match=r"'q_net\.q_net\.0' would pass; leave"):
        sp.mask(policy, {FIRST: remove([0, 1], 12)})
    assert int(sp.wire(policy)[FIRST].active.sum()) == 2


def test_a_policy_without_gates_is_told_how_to_get_them() -> None:
    model = zoo.make_model("SAC", stock=True)
    plan = zoo.random_plan(model.policy)
    with pytest.raises(UnsupportedPolicyError, match=r"SACPolicy.*adopt\(model\)"):
        sp.mask(model, plan)
    sp.adopt(model)
    sp.mask(model, plan)


def test_what_has_no_gate_is_named_with_the_way_out() -> None:
    policy = zoo.copied("RecurrentPPO")
    before = zoo.snapshot(policy)
    with pytest.raises(UnsupportedPolicyError, match=r"at lstm_actor: .*networks"):
        sp.mask(policy, zoo.random_plan(policy))
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)
