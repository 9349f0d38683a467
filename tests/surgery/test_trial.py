"""Tests for surgery/trial.py: it trusts nothing that was traced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
import zoo
from images import LOOKERS
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn
from user_networks import make_user_model

import sb3_prune as sp
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.surgery import trial, wiring
from sb3_prune.surgery.flow.slots import Slot
from sb3_prune.surgery.flow.trace import trace

KINDS = [
    *("residual", "functional", "gated-by-chunk", "batch-normed", "learnt-slopes"),
    *("gru-frames", "plain-cnn", "dueling-dqn", "state-dependent-noise", "own-sac"),
]


@cache
def policy_of(kind: str) -> nn.Module:
    return make_user_model(kind).policy


Slots = tuple[Slot, ...]


def without(slots: Slots, index: int) -> Slots:
    return slots[:index] + slots[index + 1 :]


def shifted(slots: Slots, index: int) -> Slots:
    """Place a stretch one unit on, or back, at the end of a tensor."""
    slot = slots[index]
    end = slot.tensor.shape[slot.axis]
    wide = max(s.start for s in slots if s.owner is slot.owner) + slot.block
    step = slot.block if wide < end and slot.start + slot.block < end else -slot.block
    return (*slots[:index], replace(slot, start=slot.start + step), *slots[index + 1 :])


def joined(slots: Slots, index: int) -> Slots:
    """Take two units for one, where that is possible."""
    slot = slots[index]
    other = replace(slot, block=2 * slot.block)
    return (*slots[:index], other, *slots[index + 1 :])


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [without, shifted, joined])
@pytest.mark.parametrize("kind", KINDS)
def test_one_wrong_stretch_is_noticed(
    kind: str, spoil: Callable[[Slots, int], Slots], monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = policy_of(kind)
    names = list(sp.wire(policy))[:3]
    assert trial.try_cut(policy, names) is None
    for name in names:
        for index in range(len(sp.wire(policy)[name].group.slots)):

            def spoilt(twin: nn.Module, name: str = name, index: int = index) -> Any:
                for group in trace(twin):
                    if group.name == name:
                        slots = spoil(group.slots, index)
                        yield replace(group, slots=slots)
                    else:
                        yield group

            with monkeypatch.context() as patch:
                patch.setattr(wiring, "trace", lambda twin: list(spoilt(twin)))
                assert trial.try_cut(policy, [name]) is not None, (name, index)


@pytest.mark.parametrize("kind", ["layer-normed", "rms-normed", "softmax-hidden"])
def test_mixing_alone_refutes_nothing_but_is_measured(kind: str) -> None:
    policy = policy_of(kind)
    layers = sp.wire(policy)
    assert not trial.refute(policy, layers.values())
    exact = [name for name, layer in layers.items() if not layer.mixes]
    mixing = [name for name, layer in layers.items() if layer.mixes]
    assert trial.movement(policy, exact) < 1e-6
    assert 1e-4 < trial.movement(policy, mixing) < 10


@pytest.mark.parametrize("name", ["SAC", "PPO", "CrossQ", "RecurrentPPO", "TQC"])
def test_a_trial_leaves_the_policy_and_random_states_as_they_were(name: str) -> None:
    policy = zoo.copied(name)
    before = zoo.snapshot(policy)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    assert not trial.refute(policy, sp.wire(policy).values())
    trial.movement(policy, list(sp.wire(policy)))
    assert torch.equal(torch.rand(2), expected)
    zoo.assert_same(zoo.snapshot(policy), before, identities=True)


def test_closed_gates_hide_nothing_from_a_trial() -> None:
    model = zoo.make_model("DQN")
    sp.mask(model, zoo.random_plan(model.policy))
    twin = trial.copied(model.policy, opened=True)
    assert all(bool(layer.active.all()) for layer in sp.wire(twin).values())
    assert not all(bool(la.active.all()) for la in sp.wire(model.policy).values())


def test_a_copy_keeps_its_gates_closed() -> None:
    model = zoo.make_model("DQN")
    sp.mask(model, zoo.random_plan(model.policy))
    closed = sp.wire(model.policy).active_units()
    assert sp.wire(trial.copied(model.policy)).active_units() == closed
    zoo.assert_close(zoo.says(trial.copied(model.policy)), zoo.says(model.policy), 1e-7)


def test_layers_are_tried_one_by_one_to_name_the_one_that_fails() -> None:
    policy = policy_of("divided-by-width")
    refuted = trial.refute(policy, sp.wire(policy).values())
    assert set(refuted) == {"mlp_extractor.pi.first", "mlp_extractor.vf.first"}
    assert all(why.startswith("removing dead units moves") for why in refuted.values())


def test_layers_that_fail_only_together_are_refused_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy = policy_of("residual")

    def alone(policy: nn.Module, names: list[str]) -> str | None:
        return None if len(names) == 1 else "too many"

    monkeypatch.setattr(trial, "try_cut", alone)
    layers = list(sp.wire(policy).values())[:2]
    assert trial.refute(policy, layers[:1]) == {}
    together = {layers[0].name: "it fails only together with the other layers"}
    assert trial.refute(policy, layers) == together


# Which layers are tried.


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Names of the layers of every trial."""
    calls: list[list[str]] = []

    def refute(policy: nn.Module, layers: Any) -> dict[str, str]:
        calls.append([layer.name for layer in layers])
        return {}

    monkeypatch.setattr(trial, "refute", refute)
    return calls


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_nothing_is_tried_where_all_modules_are_known(name: str, tried: Any) -> None:
    policy = zoo.copied(name)
    assert trial.is_known(policy)
    sp.apply(policy, zoo.random_plan(policy))
    assert not tried


def test_images_of_stock_agents_need_no_trial(tried: Any) -> None:
    for name in ("PPO-Cnn", "SAC-MultiInput-shared"):
        policy = LOOKERS[name].make().policy
        trial.require_trial(policy, set(sp.wire(policy)))
    assert not tried


def test_each_layer_of_an_unknown_policy_is_tried_once(tried: Any) -> None:
    policy = make_user_model("residual").policy
    one, other, *_ = sp.wire(policy)
    trial.require_trial(policy, {one})
    trial.require_trial(policy, {one, other})
    trial.require_trial(policy, {one, other})
    assert tried == [[one], [other]]


def test_a_policy_that_gets_a_hook_or_a_module_is_tried_again(tried: Any) -> None:
    policy = make_user_model("residual").policy
    one = next(iter(sp.wire(policy)))
    trial.require_trial(policy, {one})
    policy.mlp_extractor.register_forward_hook(lambda *_: None)
    trial.require_trial(policy, {one})
    policy.add_module("other", nn.Linear(2, 2))
    trial.require_trial(policy, {one})
    assert tried == [[one]] * 3


def hook(policy: Any) -> None:
    policy.mlp_extractor.policy_net[0].register_forward_hook(lambda *args: None)


def parametrise(policy: Any) -> None:
    linear = policy.mlp_extractor.policy_net[0]
    nn.utils.parametrize.register_parametrization(linear, "bias", nn.Identity())


class Unknown(nn.Module):
    """Does nothing."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def insert(policy: Any) -> None:
    policy.mlp_extractor.policy_net.insert(1, Unknown())


@pytest.mark.parametrize("change", [hook, parametrise, insert])
def test_what_is_not_known_is_tried(change: Any, tried: Any) -> None:
    policy = zoo.make_model("PPO", stock=True).policy
    trial.require_trial(policy, set(sp.wire(policy)))
    assert not tried
    change(policy)
    assert not trial.is_known(policy)
    trial.require_trial(policy, set(sp.wire(policy)))
    assert tried == [list(sp.wire(policy))]


def test_a_refuted_layer_is_named_and_tried_again() -> None:
    policy = policy_of("hard-view")
    name, good = "mlp_extractor.pi.first", "mlp_extractor.pi.second"
    for _ in range(2):
        message = rf"A trial cut refuses '{name}' of BodyPolicy: .*invalid for input"
        with pytest.raises(UnsupportedPolicyError, match=message):
            trial.require_trial(policy, {name, good})
    trial.require_trial(policy, {good})


def test_a_policy_that_cannot_be_copied_is_refused_with_the_reason() -> None:
    policy: Any = make_user_model("residual").policy
    policy.mlp_extractor.stream = (i for i in range(3))
    name = next(iter(sp.wire(policy)))
    message = r"it cannot be copied \(TypeError: cannot pickle 'generator'"
    with pytest.raises(UnsupportedPolicyError, match=message):
        trial.require_trial(policy, {name})


def test_a_policy_that_was_trained_on_several_discrete_actions_is_copied() -> None:
    env = zoo.make_env("BranchingDQN")
    model = zoo.train(zoo.make_model("PPO", env=env))
    twin = trial.copied(model.policy)
    zoo.assert_close(zoo.says(twin), zoo.says(model.policy), 1e-7)


# State-dependent noise: a dead unit may say something, and what is drawn reads it.


class Own(BaseFeaturesExtractor):
    """One layer of the user's own, over the number of its units if ``divides``."""

    def __init__(self, space: Any, divides: bool = False) -> None:
        super().__init__(space, 6)
        self.net, self.divides = nn.Linear(space.shape[0], 6), divides

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        said = self.net(x).sigmoid()
        return said / said.shape[1] if self.divides else said


def noisy(name: str, divides: bool = False, **kwargs: Any) -> nn.Module:
    """Return the policy of an agent with gSDE and the extractor above."""
    own = {"features_extractor_class": Own}
    told = {"features_extractor_kwargs": {"divides": divides}}
    env = zoo.gym.make("Pendulum-v1")
    kwargs = {"net_arch": [8], "activation_fn": nn.Sigmoid, **own, **told, **kwargs}
    return zoo.make_model(name, env=env, use_sde=True, policy_kwargs=kwargs).policy


SPREADS: dict[str, dict[str, Any]] = {
    "softplus": {"activation_fn": nn.Softplus},
    "of the extractor": {"net_arch": []},
    "expln": {"use_expln": True},
    "one deviation per unit": {"full_std": False},
    "squashed": {"squash_output": True},
}
"""Policies whose dead units make noise in a way of their own."""


@pytest.mark.parametrize("name", ["PPO", "A2C", "TRPO", "SAC", "TQC", "RecurrentPPO"])
def test_the_noise_of_dead_units_may_go_with_them(name: str) -> None:
    policy = noisy(name)
    assert not trial.refute(policy, sp.wire(policy).values())


@pytest.mark.parametrize("kind", SPREADS)
def test_noise_of_every_kind_may_go_with_dead_units(kind: str) -> None:
    policy = noisy("PPO", **SPREADS[kind])
    assert not trial.refute(policy, sp.wire(policy).values())


def test_noise_of_sac_may_have_another_scale() -> None:
    policy = noisy("SAC", use_expln=True)
    assert not trial.refute(policy, sp.wire(policy).values())


@pytest.mark.parametrize("name", ["PPO", "SAC"])
def test_noise_hides_no_code_that_depends_on_a_width(name: str) -> None:
    policy = noisy(name, divides=True)
    refuted = trial.refute(policy, sp.wire(policy).values())
    assert refuted and all("features_extractor.net" in layer for layer in refuted)


def test_noise_of_dead_units_is_no_movement() -> None:
    policy = noisy("PPO")
    assert trial.movement(policy, list(sp.wire(policy))) < 1e-6


@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_masked_weights_of_a_module_with_a_hook_are_cut(name: str) -> None:
    model = zoo.make_model(name)
    layer = next(iter(sp.wire(model)))
    module = model.policy.get_submodule(layer)
    module.register_forward_hook(lambda *_: None)  # So that a trial is needed.
    keep = torch.rand_like(module.get_parameter("weight")) > 0.3
    sp.surgery.mask_weights(model, {layer: keep})
    units = sp.wire(model)[layer].units
    sp.apply(model, {layer: sp.surgery.remove([0], units)})
    assert torch.equal(module.get_buffer("weight_kept") != 0, keep[1:])
