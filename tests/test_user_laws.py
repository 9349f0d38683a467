"""The laws of surgery on networks that users write (tests/user_networks)."""

from __future__ import annotations

from functools import cache

import laws
import pytest
import zoo
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn
from user_networks import USER_CASES, make_user_model

import sb3_prune as sp
from sb3_prune.surgery import trial
from sb3_prune.surgery.flow.slots import Side

REFUSED = [n for n, case in USER_CASES.items() if case.expectation == "refused"]
CUTTABLE = [
    n for n, c in USER_CASES.items() if (c.prunable or c.mixes) and n not in REFUSED
]


@cache
def trained(name: str) -> BaseAlgorithm:
    return zoo.train(make_user_model(name, sp.MaskedPolicyMixin), 32)


def copied(name: str) -> nn.Module:
    return trial.copied(trained(name).policy)


def makers(policy, layer):
    paths = {m: p for p, m in policy.named_modules()}
    for slot in layer.group.slots:
        if slot.side is not Side.ROWS:
            continue
        path = f"{paths[slot.owner]}.{slot.attribute}".removesuffix(".weight")
        stop = slot.start + layer.units * slot.block
        whole = stop - slot.start == slot.tensor.shape[slot.axis]
        yield path if whole else f"{path}[{slot.start}:{stop}]"


@pytest.mark.parametrize("name", USER_CASES)
def test_table(name):
    case = USER_CASES[name]
    policy = make_user_model(name).policy
    wiring = sp.wire(policy)
    refuted = trial.refute(policy, wiring.values()) if wiring else {}
    free = {n: la for n, la in wiring.items() if n not in refuted and la.units > 1}
    named = {maker: la for la in free.values() for maker in makers(policy, la)}
    expected = case.prunable | case.mixes
    assert expected.keys() <= named.keys()
    assert {n: named[n].units for n in expected} == expected
    assert {n for n in expected if named[n].mixes} == set(case.mixes)
    assert {named[n].name for n in expected} == set(free)
    assert not case.fixed.keys() & named.keys()


@pytest.mark.parametrize("name", CUTTABLE)
def test_1(name):
    laws.assert_dead_units_go(copied(name))


@pytest.mark.parametrize("name", CUTTABLE)
def test_1b(name):
    print(
        name,
        laws.assert_constants_move(lambda: copied(name)),
        list(sp.wire(copied(name))),
    )


@pytest.mark.parametrize("name", CUTTABLE)
def test_2(name):
    laws.assert_two_cuts_are_one(lambda: copied(name), 1, 2)


@pytest.mark.parametrize("name", CUTTABLE)
def test_2b(name):
    laws.assert_growth_can_be_cut(copied(name), 1)


@pytest.mark.parametrize("name", CUTTABLE)
def test_2c(name):
    laws.assert_nothing_is_nothing(copied(name))


@pytest.mark.parametrize("name", CUTTABLE)
def test_3(name):
    m = zoo.train(make_user_model(name, sp.MaskedPolicyMixin), 32)
    sp.apply(m, laws.cut(m.policy))
    laws.assert_learning_goes_on(m)


@pytest.mark.parametrize("name", CUTTABLE)
def test_4(name):
    a, b = (
        zoo.train(make_user_model(name, sp.MaskedPolicyMixin), 32) for _ in range(2)
    )
    laws.assert_masked_and_cut_stay_equal(a, b)


@pytest.mark.parametrize("name", CUTTABLE)
def test_5(name):
    laws.assert_targets_follow(copied(name))


@pytest.mark.parametrize("name", CUTTABLE)
def test_6(name):
    m = zoo.train(make_user_model(name, sp.MaskedPolicyMixin), 32)
    sp.apply(m, laws.cut(m.policy))
    laws.assert_saved_exactly(m)


def test_6b(tmp_path):
    ms = {}
    for name in CUTTABLE:
        m = make_user_model(name, sp.MaskedPolicyMixin)
        sp.apply(m, laws.cut(m.policy))
        ms[name] = m
    laws.assert_a_fresh_process_acts_alike(ms, tmp_path)


@pytest.mark.parametrize("name", CUTTABLE)
def test_7(name):
    laws.assert_equal_training(
        make_user_model(name, sp.MaskedPolicyMixin), make_user_model(name)
    )


@pytest.mark.parametrize("name", CUTTABLE)
def test_8(name):
    p = copied(name)
    laws.assert_refused(p, laws.wrong_plans(p))
