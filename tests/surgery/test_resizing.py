"""Tests for surgery/resizing.py; the law of files is in the tests of laws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import zoo
from cutting import cut
from hypothesis import given, settings
from hypothesis import strategies as st
from images import LOOKERS
from torch import nn
from user_networks import make_user_model

import sb3_prune as sp
from sb3_prune.surgery import add, keep
from sb3_prune.surgery.execution import carry_out
from sb3_prune.surgery.resizing import resize_plan, saved_units

MAKERS: dict[str, Callable[[], nn.Module]] = {
    **{name: (lambda name=name: zoo.copied(name)) for name in ("SAC", "CrossQ")},
    "LSTM": lambda: zoo.copied("RecurrentPPO"),
    "images": lambda: LOOKERS["SAC-MultiInput-shared"].make().policy,
    **{
        name: (lambda name=name: make_user_model(name).policy)
        for name in (
            *("residual", "dense-net", "functional", "gated-by-chunk", "experts"),
            *("tied-transpose", "batch-normed", "gru-frames", "channels-last"),
            *("branches", "shared-trunk", "twin-weight", "own-sac", "own-td3"),
        )
    },
}
every_kind = pytest.mark.parametrize("kind", MAKERS)


@every_kind
def test_a_policy_that_is_as_it_was_saved_stays(kind: str) -> None:
    policy = MAKERS[kind]()
    state = policy.state_dict()
    assert saved_units(policy, sp.wire(policy), state) == sp.wire(policy).units()
    assert resize_plan(policy, sp.wire(policy), state) == {}


@every_kind
@settings(max_examples=2, derandomize=True, database=None)
@given(seed=st.integers(0, 1000))
def test_every_width_is_told_by_what_was_saved(kind: str, seed: int) -> None:
    """Also where layers lie side by side in one weight."""
    here, saved = MAKERS[kind](), MAKERS[kind]()
    sp.apply(saved, cut(saved, seed))
    plan = resize_plan(here, sp.wire(here), saved.state_dict())
    assert {name: change.after for name, change in plan.items()} == {
        name: sp.wire(saved).units()[name] for name in plan
    }
    carry_out(here, plan, folds=False)
    shapes = [{n: t.shape for n, t in p.state_dict().items()} for p in (here, saved)]
    assert shapes[0] == shapes[1]
    back = resize_plan(saved, sp.wire(saved), MAKERS[kind]().state_dict())
    carry_out(saved, back, folds=False)
    assert saved.state_dict().keys() == here.state_dict().keys()
    assert sp.wire(saved).units() == sp.wire(MAKERS[kind]()).units()


def state_of(**units: int) -> tuple[nn.Module, dict[str, Any]]:
    """Return a policy of a DenseNet, and what one of other widths saves."""
    here, other = (make_user_model("dense-net").policy for _ in range(2))
    for name, count in units.items():
        for body in ("pi", "vf"):
            path = f"mlp_extractor.{body}.{name}"
            width = sp.wire(other)[path].units
            grows = count > width
            change = add(count - width, width) if grows else keep(range(count), width)
            carry_out(other, {path: change})
    return here, dict(other.state_dict())


def test_layers_side_by_side_are_solved_one_after_the_other() -> None:
    """The weight that reads three layers tells of one: the others are known by then."""
    here, state = state_of(first=7, second=13, third=4)
    for name in ("second", "third"):  # Nothing else says how wide the first layer is.
        for body in ("pi", "vf"):
            for attribute in ("weight", "bias"):
                del state[f"mlp_extractor.{body}.{name}.{attribute}"]
    found = saved_units(here, sp.wire(here), state)
    assert found["mlp_extractor.pi.first"] == 7
    assert "mlp_extractor.pi.second" not in found
    here, state = state_of(first=7, second=13, third=4)
    for body in ("pi", "vf"):
        for attribute in ("weight", "bias"):
            del state[f"mlp_extractor.{body}.third.{attribute}"]
    found = saved_units(here, sp.wire(here), state)
    assert {n.rpartition(".")[2]: u for n, u in found.items()} == {
        "first": 7,
        "second": 13,
        "third": 4,
    }


@pytest.mark.parametrize("width", [1, 30])
def test_layers_shrink_to_their_first_units_or_grow_by_silent_ones(width: int) -> None:
    policy = zoo.copied("DQN")
    old = policy.q_net.q_net[0].weight.detach().clone()
    plan = resize_plan(
        policy, sp.wire(policy), {"q_net.q_net.0.bias": torch.zeros(width)}
    )
    assert list(plan) == ["q_net.q_net.0"]
    carry_out(policy, plan, folds=False)
    new, common = policy.q_net.q_net[0].weight.detach(), min(width, 12)
    assert torch.equal(new[:common], old[:common]) and not new[common:].any()


@pytest.mark.parametrize(
    "saved",
    [
        torch.zeros(()),
        torch.zeros(7, 1),
        torch.zeros(0),
        [0.0] * 7,
        "seven",
        None,
    ],
)
def test_what_tells_no_width_is_left_to_loading(saved: Any) -> None:
    policy = zoo.copied("DQN")
    assert not resize_plan(policy, sp.wire(policy), {"q_net.q_net.0.bias": saved})


@pytest.mark.parametrize(("more", "units"), [(-2, 3), (0, 5), (1, 6), (0.5, None)])
def test_a_channel_is_told_by_whole_blocks(more: float, units: int | None) -> None:
    policy = make_user_model("plain-cnn").policy
    path = "features_extractor.linear.weight"
    outputs, inputs = policy.state_dict()[path].shape
    block = inputs // 5
    assert block > 1
    state = {path: torch.zeros(outputs, inputs + int(more * block))}
    found = saved_units(policy, sp.wire(policy), state)
    assert found.get("features_extractor.cnn.3") == units
