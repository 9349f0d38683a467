"""Tests for surgery/resizing.py; the law of files is in the tests of laws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import zoo
from cutting import cut
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from images import LOOKERS
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn
from user_networks import make_user_model

import sb3_prune as sp
from sb3_prune.exceptions import CheckpointError
from sb3_prune.surgery import add, keep, remove
from sb3_prune.surgery.execution import carry_out
from sb3_prune.surgery.resizing import resize_plan, saved_units, without_notes

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


@pytest.mark.slow
@every_kind
def test_a_policy_that_is_as_it_was_saved_stays(kind: str) -> None:
    policy = MAKERS[kind]()
    state = policy.state_dict()
    assert saved_units(policy, sp.wire(policy), state) == sp.wire(policy).units()
    assert resize_plan(policy, sp.wire(policy), state) == {}


@pytest.mark.slow
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


# Layers side by side in all their tensors: no length tells how many units each has.


class Parts(BaseFeaturesExtractor):
    """Two layers in one Linear, of 5 and 7 units."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space, 6)
        self.both, self.out = nn.Linear(4, 12), nn.Linear(12, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        both = self.both(x)
        return self.out(torch.cat([both[:, :5].relu(), both[:, 5:].tanh()], -1))


BOTH = "features_extractor.both"


def in_parts(*gone: int) -> PPO:
    """Return an agent that has lost some units of the second layer."""
    kwargs = {"features_extractor_class": Parts, "net_arch": [6]}
    model: Any = zoo.make_model("PPO", policy_kwargs=kwargs)
    if gone:
        sp.apply(model, {f"{BOTH}[1]": remove(gone, 7)})
    return model


def notes(model: PPO) -> dict[str, int]:
    state = model.policy.state_dict()
    return {n: int(v) for n, v in state.items() if n.startswith("hidden_units.")}


def test_what_no_length_tells_is_noted_and_loaded(tmp_path: Path) -> None:
    model = in_parts(0, 2)
    assert notes(model) == {
        f"hidden_units.{BOTH}[0]": 5,
        f"hidden_units.{BOTH}[1]": 5,
    }
    model.save(tmp_path / "model.zip")
    loaded = PPO.load(tmp_path / "model.zip", env=model.env, device="cpu")
    assert sp.wire(loaded).units() == sp.wire(model).units()
    assert zoo.equal(zoo.says(loaded.policy), zoo.says(model.policy))
    zoo.train(loaded)


def test_what_is_as_it_was_built_is_not_noted() -> None:
    assert not notes(in_parts())
    assert not any("hidden_units" in n for n in zoo.trained("SAC").policy.state_dict())


def test_a_cut_agent_takes_the_weights_of_an_uncut_one() -> None:
    cut_one, dense = in_parts(0, 2), in_parts()
    cut_one.set_parameters(dense.get_parameters())
    assert sp.wire(cut_one).units() == sp.wire(dense).units()
    assert not notes(cut_one)
    dense.set_parameters(in_parts(1).get_parameters())
    assert sp.wire(dense).units()[f"{BOTH}[1]"] == 6


def test_widths_that_nothing_tells_are_refused_by_name() -> None:
    """As an earlier version saved them."""
    model, dense = in_parts(0, 2), in_parts()
    state = without_notes(model.policy.state_dict())
    assert state.keys() == dense.policy.state_dict().keys()
    before = zoo.snapshot(dense.policy)
    with pytest.raises(
        CheckpointError, match=r"(?s)units of .*both\[0\], .*both\[1\].*size mismatch"
    ):
        dense.policy.load_state_dict(state)
    zoo.assert_same(zoo.snapshot(dense.policy), before, identities=True)
    model.policy.load_state_dict(state)  # It has these widths already.


def test_notes_leave_what_torch_notes() -> None:
    state = in_parts(0).policy.state_dict()
    rest = without_notes(state)
    assert rest._metadata == state._metadata and notes(in_parts(0))
    assert without_notes(rest) is rest


def test_a_policy_that_cannot_be_traced_is_saved_even_so() -> None:
    policy: Any = in_parts(0).policy
    policy.features_extractor.both._modules["_orig_mod"] = nn.Identity()
    assert not any("hidden_units" in name for name in policy.state_dict())
