"""Tests for surgery/hooks.py."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
import zoo
from torch import nn

import sb3_prune as sp
from sb3_prune.surgery import execution
from sb3_prune.surgery.hooks import hooks_of

KINDS = ("register_hook", "register_post_accumulate_grad_hook")


def cut_with_hooks(name: str, hook: Any, kind: str = "register_hook") -> Any:
    """Hook a function to all parameters, train, cut, and return the model."""
    model = zoo.train(zoo.make_model(name))
    for parameter in model.policy.parameters():
        if parameter.requires_grad:
            getattr(parameter, kind)(hook)
    zoo.train(model)
    sp.apply(model, zoo.random_plan(model.policy))
    return model


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SAC", "PPO", "DQN"])
@pytest.mark.parametrize(
    "kind", ["register_hook", "register_post_accumulate_grad_hook"]
)
def test_hooks_see_the_gradients_of_the_new_parameters(name: str, kind: str) -> None:
    seen: set[torch.Size] = set()

    def look(tensor: torch.Tensor) -> None:
        seen.add(tensor.shape)

    model = cut_with_hooks(name, look, kind)
    seen.clear()
    zoo.train(model)
    trained = [p for p in model.policy.parameters() if p.grad is not None]
    assert {p.shape for p in trained} <= seen
    assert seen <= {p.shape for p in model.policy.parameters()}


def test_handles_still_remove_hooks_that_moved() -> None:
    model, calls = zoo.train(zoo.make_model("PPO")), []
    weight = next(iter(sp.wire(model).values())).module.weight
    handle = weight.register_hook(lambda grad: calls.append(grad.shape))
    sp.apply(model, zoo.random_plan(model.policy))
    zoo.train(model)
    assert calls
    handle.remove()
    calls.clear()
    zoo.train(model)
    assert not calls


@pytest.mark.parametrize("wrong", ["raises", "returns another shape"])
def test_a_hook_for_one_shape_is_dropped_with_one_warning(wrong: str) -> None:
    model = zoo.train(zoo.make_model("PPO"))
    layer = next(iter(sp.wire(model).values()))
    mask = torch.ones_like(layer.module.weight)

    def keep(gradient: torch.Tensor) -> torch.Tensor:
        return gradient * mask if wrong == "raises" else mask

    layer.module.weight.register_hook(keep)
    zoo.train(model)
    sp.apply(model, {layer.name: sp.surgery.remove([0], layer.units)})
    said = r"weight' is dropped, .* shape .* again"
    with pytest.warns(UserWarning, match=said) as caught:
        model.learn(64)
    assert len(caught) == 1


def test_a_refused_plan_leaves_hooks_in_place() -> None:
    model, calls = zoo.train(zoo.make_model("PPO")), []
    layer = next(iter(sp.wire(model).values()))
    layer.module.weight.register_hook(lambda grad: calls.append(grad.shape))
    with torch.no_grad():
        layer.module.weight[0, 0] = torch.nan
    with pytest.raises(sp.exceptions.NonFiniteError):
        sp.apply(model, {layer.name: sp.surgery.remove([1], layer.units)})
    nn.init.ones_(layer.module.weight)
    zoo.train(model)
    assert set(calls) == {layer.module.weight.shape}


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_that_fails_late_leaves_the_very_same_hooks(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, calls = zoo.make_model("PPO"), []

    def hook(tensor: torch.Tensor) -> None:
        calls.append(tensor)

    layer = next(iter(sp.wire(model).values()))
    handle = getattr(layer.module.weight, kind)(hook)
    before = hooks_of(layer.module.weight)
    monkeypatch.setattr(execution, "sync_dimensions", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sp.apply(model, {layer.name: sp.surgery.remove([1], layer.units)})
    after = hooks_of(layer.module.weight)
    assert [id(hooks) for hooks in after] == [id(hooks) for hooks in before]
    assert [list(hooks.values()) for hooks in after] == [[hook]]
    handle.remove()
    assert not hooks_of(layer.module.weight)


class Fixed:
    """A hook for one shape."""

    def __init__(self, mask: torch.Tensor) -> None:
        self.mask = mask

    def __call__(self, gradient: torch.Tensor) -> torch.Tensor:
        return gradient * self.mask

    def as_method(self, gradient: torch.Tensor) -> torch.Tensor:
        return gradient * self.mask


def times(gradient: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return gradient * mask


HOOKS: dict[str, Any] = {
    "closure": lambda mask: lambda gradient: gradient * mask,
    "object": Fixed,
    "method": lambda mask: Fixed(mask).as_method,
    "partial": lambda mask: partial(times, mask=mask),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", HOOKS)
def test_hooks_of_one_function_are_dropped_with_one_warning(kind: str) -> None:
    """As with ``wandb.watch``, which makes a closure per parameter."""
    model = zoo.train(zoo.make_model("PPO"))
    for parameter in model.policy.parameters():
        parameter.register_hook(HOOKS[kind](torch.ones_like(parameter)))
    layer = next(iter(sp.wire(model).values()))
    layer.module.bias.register_hook(lambda gradient: torch.ones(layer.units))
    sp.apply(model, {layer.name: sp.surgery.remove([0], layer.units)})
    with pytest.warns(UserWarning, match="A hook on") as caught:
        model.learn(64)
    said = [str(warning.message) for warning in caught]
    assert len(said) == 2
    assert sum("where it fails on 2 other parameters" in each for each in said) == 1
