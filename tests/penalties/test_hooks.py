"""Tests for hooks.py."""

from __future__ import annotations

import gc
import warnings
import weakref
from typing import Any

import ofexi_zoo
import pytest
import torch
import zoo
from stable_baselines3.common.callbacks import BaseCallback

import sb3_prune as sp
from penalties.made import added, descend, expected
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.penalties import PENALTIES, Penalty, PenaltyHooks
from sb3_prune.surgery import HiddenLayer, mask_weights, wire
from sb3_prune.surgery.optimizer import optimizers

DSP = PENALTIES["dsp"]


def hooked(model: Any, strength: float = 2.0, network: str = "") -> PenaltyHooks:
    hooks = PenaltyHooks()
    hooks.attach(model, DSP, layers_of(model, strength, network))
    return hooks


def layers_of(model: Any, strength: float = 2.0, network: str = "") -> Any:
    """Return the strength of every layer of a network."""
    wiring = wire(model)
    names = [network] if network else []
    found = wiring.by_network(names)
    return {layer: strength for layers in found.values() for layer in layers}


def assert_penalised(model: Any, strengths: dict[HiddenLayer, float]) -> None:
    found, true = added(model), expected(model, DSP, strengths)
    for name, gradient in true.items():
        torch.testing.assert_close(found[name], gradient, atol=2e-5, rtol=1e-4)
    assert any(bool(gradient.any()) for gradient in true.values())


def assert_not_penalised(model: Any) -> None:
    assert not any(bool(gradient.any()) for gradient in added(model).values())


class StepsSeen:
    """Keeps the gradients that an optimiser steps along."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.parameters = optimizer.param_groups[0]["params"]
        self.seen: list[list[torch.Tensor]] = []
        optimizer.register_step_pre_hook(self._before)

    def _before(self, *_: Any) -> None:
        self.seen.append([p.grad.clone() for p in self.parameters])


@pytest.mark.parametrize("name", ["SAC", "TD3", "TQC", "CrossQ", "ValueSAC", "DQN"])
def test_each_step_is_penalised_once(name: str) -> None:
    """Critics pass on the gradients of the actor, and are not penalised for that."""
    plain, priced = (zoo.train(zoo.make_model(name)) for _ in range(2))
    hooked(priced)
    strengths = layers_of(priced)
    steps = {
        key: [StepsSeen(optimizers(model)[key]) for model in (plain, priced)]
        for key in optimizers(plain)
        if not key.startswith("model")
    }
    true = {id(p): g for p, g in zip_named(priced, expected(priced, DSP, strengths))}
    for model in (plain, priced):
        zoo.update(model, 1)
    for key, (one, other) in steps.items():
        delayed = name == "TD3" and key.startswith("actor")
        assert len(one.seen) == len(other.seen) == (not delayed)
        if key.startswith("actor") and name != "ValueSAC":
            continue  # The critic was stepped before, so it says something else.
        for p, g, h in zip(other.parameters, one.seen[0], other.seen[0], strict=True):
            torch.testing.assert_close(h - g, true[id(p)], atol=1e-4, rtol=1e-3)


def zip_named(model: Any, gradients: dict[str, torch.Tensor]) -> Any:
    named = dict(model.policy.named_parameters())
    return [(named[name], gradient) for name, gradient in gradients.items()]


def test_what_only_passes_a_gradient_on_is_left_alone() -> None:
    plain, priced = (zoo.train(zoo.make_model("SAC")) for _ in range(2))
    hooked(priced)
    passed = []
    for model in (plain, priced):
        critic, obs = model.critic, torch.ones(4, 3)
        critic.optimizer.zero_grad()
        torch.cat(critic(obs, torch.ones(4, 1))).sum().backward()  # Its own update,
        before = [p.grad.clone() for p in critic.parameters()]
        actions = model.actor(obs, deterministic=True)
        torch.cat(critic(obs, actions)).sum().backward()  # and that of the actor.
        after = [p.grad for p in critic.parameters()]
        passed.append([a - b for a, b in zip(after, before, strict=True)])
    for one, other in zip(*passed, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("to_none", [True, False])
def test_gradients_that_pile_up_are_penalised_once(to_none: bool) -> None:
    model = zoo.make_model("PPO")
    hooked(model)
    descend(model)
    for _ in range(2):
        model.policy.optimizer.zero_grad(set_to_none=to_none)
        for _ in range(4):
            torch.stack(
                [p.sum() / 4 for p in model.policy.parameters()]
            ).sum().backward()
        assert_penalised(model, layers_of(model))


def test_gradients_that_nobody_collects_stay_as_they_are() -> None:
    model = zoo.make_model("PPO")
    hooked(model)
    weight = wire(model)["mlp_extractor.policy_net.0"].module.weight
    (found,) = torch.autograd.grad(weight.sum(), weight)
    assert torch.equal(found, torch.ones_like(weight))
    descend(model)
    assert_penalised(model, layers_of(model))


def test_masked_weights_stay_zero_whatever_the_penalty() -> None:
    """Also where the gradient of the penalty at zero is none."""
    model = zoo.train(zoo.make_model("PPO"))
    path = "mlp_extractor.policy_net.2"
    weight = model.policy.get_submodule(path).weight
    mask = torch.rand_like(weight) < 0.5
    mask_weights(model, {path: mask})
    PenaltyHooks().attach(model, TowardsOne(), layers_of(model))
    zoo.train_on(model)
    assert not bool(weight[~mask].any())
    assert bool(weight[mask].all())


class TowardsOne(Penalty):
    """A penalty that is not 0 at 0."""

    def value(self, incoming: torch.Tensor, outgoing: torch.Tensor) -> torch.Tensor:
        return (incoming - 1).square().sum() + (outgoing - 1).square().sum()


def test_the_penalty_is_clipped_with_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    norms: list[float] = []
    clip = torch.nn.utils.clip_grad_norm_

    def watched(*args: Any, **kwargs: Any) -> torch.Tensor:
        norms.append(float(clip(*args, **kwargs)))
        return torch.tensor(norms[-1])

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", watched)
    for strength in (0.0, 1e4):
        model = zoo.train(zoo.make_model("PPO", max_grad_norm=0.5), 32)
        norms.clear()
        hooked(model, strength)
        seen = StepsSeen(model.policy.optimizer)
        zoo.update(model, 1)
        size = torch.cat([g.flatten() for g in seen.seen[0]]).norm()
        assert float(size) <= 0.5 + 1e-5
        assert (norms[0] > 100) == bool(strength)


def test_attaching_again_replaces_and_releasing_ends_it() -> None:
    model = zoo.make_model("PPO")
    hooks = hooked(model, 9.0)
    hooks.attach(model, DSP, layers_of(model, 2.0))
    hooks.attach(model, DSP, layers_of(model, 2.0, "mlp_extractor.policy_net"))
    descend(model)
    assert_penalised(model, layers_of(model, 2.0, "mlp_extractor.policy_net"))
    hooks.release()
    hooks.release()
    descend(model)
    assert_not_penalised(model)


def test_a_strength_of_zero_is_no_penalty() -> None:
    hooked(zoo.make_model("TRPO"), 0.0)  # Not even a refusal.
    model = zoo.make_model("PPO")
    hooked(model, 0.0)
    descend(model)
    assert_not_penalised(model)


def test_units_that_others_remove_are_followed() -> None:
    """Without another attach, and without a warning."""
    model = zoo.make_model("SAC")
    hooks = hooked(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in (1, 2):
            sp.apply(model, zoo.random_plan(model.policy, seed, least=1))
            descend(model)
            assert_penalised(model, layers_of(model))
        sp.mask(model, zoo.random_plan(model.policy, 3, least=1))
        descend(model)
    assert_penalised(model, layers_of(model))
    hooks.release()
    descend(model)
    assert_not_penalised(model)


def test_it_sleeps_once_another_training_begins() -> None:
    class EndedError(Exception):
        pass

    class Interrupt(BaseCallback):
        def _on_training_start(self) -> None:
            self.hooks = hooked(self.model)

        def _on_step(self) -> bool:
            raise EndedError

    model = zoo.make_model("PPO")
    callback = Interrupt()
    with pytest.raises(EndedError):
        zoo.train(model, 32, callback=callback)
    descend(model)
    assert_penalised(model, layers_of(model))
    zoo.train(model, 32)
    descend(model)
    assert_not_penalised(model)


def test_frozen_weights_are_penalised_as_soon_as_they_learn() -> None:
    """Those of an OFEXiNet take gradients only while it learns."""
    model = ofexi_zoo.make_model("SAC")
    frozen = [p for p in model.policy.parameters() if not p.requires_grad]
    hooked(model)
    assert frozen and not any(p.requires_grad for p in frozen)
    strengths = layers_of(model)
    extractors = {la.network for la in strengths if not la.module.weight.requires_grad}
    assert extractors
    descend(model)
    assert_penalised(model, strengths)


@pytest.mark.parametrize("network", ["", "mlp_extractor.policy_net"])
def test_an_actor_without_an_optimiser_is_refused(network: str) -> None:
    model = zoo.make_model("TRPO")
    with pytest.raises(UnsupportedPolicyError, match=r"TRPO .*policy_net.0'.* use PPO"):
        hooked(model, network=network)
    descend(model)
    assert_not_penalised(model)
    hooked(model, network="mlp_extractor.value_net")
    descend(model)
    assert_penalised(model, layers_of(model, network="mlp_extractor.value_net"))


def test_a_model_that_nobody_needs_is_freed() -> None:
    model = zoo.make_model("PPO")
    hooked(model)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
