"""Lists of parameters, wrapped optimisers: what would go stale is refused by name."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import pytest
import torch
import zoo
from extracted import A, B, assert_refused, extracted
from patched import half, patched
from stable_baselines3.common.buffers import RolloutBuffer
from torch.nn.functional import linear

import sb3_prune as sp
from sb3_prune.exceptions import PlanError, UnsupportedPolicyError
from sb3_prune.surgery import remove
from sb3_prune.surgery.tried import tried_layers


def plain(net: Any, x: torch.Tensor) -> torch.Tensor:
    return net.b(net.a(x).relu())


# Tensors in attributes.


def from_list(net: Any, x: torch.Tensor) -> torch.Tensor:
    w = net.held
    return linear(linear(x, w[0], w[1]).relu(), w[2], w[3])


def from_dictionary(net: Any, x: torch.Tensor) -> torch.Tensor:
    w = net.held
    h = linear(x, w["a.weight"], w["a.bias"]).relu()
    return linear(h, w["b.weight"], w["b.bias"])


def from_closure(net: Any, x: torch.Tensor) -> torch.Tensor:
    return net.held(x)


def in_list(net: Any) -> None:
    net.held = list(net.parameters())


def in_dictionary(net: Any) -> None:
    net.held = dict(net.named_parameters())


def in_closure(net: Any) -> None:
    w = list(net.parameters())
    net.held = lambda x: linear(linear(x, w[0], w[1]).relu(), w[2], w[3])


HOLDS = r"'features_extractor.held' holds tensors of units that would change"
USED = {
    "list": (from_list, in_list, HOLDS),
    "dictionary": (from_dictionary, in_dictionary, HOLDS),
}


@pytest.mark.parametrize("kind", USED)
def test_parameters_that_code_holds_are_refused(kind: str) -> None:
    run, build, why = USED[kind]
    assert_refused(extracted(run, build), PlanError, why)


def test_parameters_that_nobody_can_see_are_noticed_after_the_cut() -> None:
    model = extracted(from_closure, in_closure)
    with pytest.raises(UnsupportedPolicyError, match="its copy has other layers"):
        sp.apply(model, {A: remove([0], 12)})
    tried_layers(model.policy).update(sp.wire(model.policy))
    assert_refused(model, PlanError, HOLDS)


HOLDERS = {
    "a list": lambda p: [p.features_extractor.a.weight],
    "a tuple": lambda p: (p.features_extractor.a.weight, 1),
    "a set": lambda p: {p.features_extractor.a.bias},
    "a dictionary": lambda p: {"all": list(p.parameters())},
    "keys": lambda p: {p.features_extractor.a.bias: 0.1},
    "lists": lambda p: [[p.features_extractor.b.weight]],
    "a queue": lambda p: deque(p.parameters()),
    "averages": lambda p: {"actor": Average(p.parameters())},
    "an object in an object": lambda p: Has([Has(p.features_extractor.a.weight)]),
    "a partial": lambda p: partial(min, p.features_extractor.a.weight),
    "a closure": lambda p: capture(list(p.parameters())),
    "a method": lambda p: Has(p.features_extractor.a.weight).get,
    "slots": lambda p: Slots(p.features_extractor.a.weight),
    "a method of a tensor": lambda p: p.features_extractor.a.weight.add_,
    "a module in a list": lambda p: [torch.nn.ParameterList(p.parameters())],
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", HOLDERS)
@pytest.mark.parametrize("on_model", [True, False])
def test_whoever_holds_a_parameter_is_named(kind: str, on_model: bool) -> None:
    model = extracted(plain)
    owner = model if on_model else model.policy.mlp_extractor
    owner.source = HOLDERS[kind](model.policy)
    where = "model.source" if on_model else "mlp_extractor.source"
    assert_refused(
        model, PlanError, rf"^'{where}[.\w]*' holds tensors of units that would"
    )


def test_what_other_containers_lead_to() -> None:
    uncopied = (  # A policy with one of these cannot be copied.
        lambda p: (w for w in list(p.parameters())),
        lambda p: {"w": p.features_extractor.a.weight}.values(),
        lambda p: MappingProxyType({"w": p.features_extractor.a.weight}),
    )

    several = {
        n: HOLDERS[n] for n in ("averages", "an object in an object", "a closure")
    }
    for hold in (*several.values(), *uncopied):
        model = extracted(plain)
        model.source = hold(model.policy)
        assert_refused(model, PlanError, r"^'model.source[.\w]*' holds tensors of un")


@dataclass(slots=True)
class Slots:
    """Has no dictionary of attributes."""

    held: Any


class Has:
    """Holds something."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def get(self) -> Any:
        """Return it."""
        return self.held


def capture(held: Any) -> Any:
    """Return a function that holds something."""
    return lambda: held


class Average:
    """A running average of parameters, written by a user."""

    def __init__(self, parameters: Any) -> None:
        self.parameters = list(parameters)
        self.shadow = [p.detach().clone() for p in self.parameters]


@pytest.mark.parametrize("on_model", [True, False])
def test_a_users_object_that_holds_parameters_is_named(on_model: bool) -> None:
    model = extracted(plain)
    owner = model if on_model else model.policy.mlp_extractor
    owner.average = Average(model.policy.parameters())
    where = "model.average" if on_model else "mlp_extractor.average"
    assert_refused(model, PlanError, f"^'{where}.parameters' holds tensors of units")
    owner.average = Average(model.policy.value_net.parameters())
    sp.apply(model, {A: remove([0], 12)})


def test_who_holds_only_what_stays_hinders_nothing() -> None:
    model = extracted(plain)
    model.source = [model.policy.value_net.bias, model.policy.features_extractor]
    assert sp.apply(model, {A: remove([0], 12)}).units == {A: (12, 11)}


def test_lists_of_statistics_are_kept_up_to_date() -> None:
    model = zoo.train(zoo.make_model("CrossQ"))
    sp.apply(model, half(model))


# Optimisers that are none.


class Wrap:
    """Passes everything on to Adam."""

    def __init__(self, parameters: Any, lr: float, **_: Any) -> None:
        self.adam = torch.optim.Adam(parameters, lr=lr)
        self.param_groups = self.adam.param_groups
        self.step, self.zero_grad = self.adam.step, self.adam.zero_grad


class Lookahead(torch.optim.Optimizer):
    """Shares the groups of an Adam that keeps all state."""

    def __init__(self, parameters: Any, lr: float, **_: Any) -> None:
        self.base = torch.optim.Adam(parameters, lr=lr)
        super().__init__(self.base.param_groups, {})
        self.param_groups = self.base.param_groups

    def step(self, closure: Any = None) -> Any:
        return self.base.step(closure)


class Slow(torch.optim.SGD):
    """Keeps weights of long ago."""

    def __init__(self, parameters: Any, lr: float, **_: Any) -> None:
        super().__init__(parameters, lr)
        self.slow = [
            [p.detach().clone() for p in g["params"]] for g in self.param_groups
        ]


NONE = {
    Wrap: r"'optimizer' \(Wrap\) is no torch.optim.Optimizer and cannot follow",
    Lookahead: r"'optimizer' \(Lookahead\) keeps parameters in base, which cannot",
    Slow: r"'optimizer' \(Slow\) keeps parameters in slow, which cannot",
}


@pytest.mark.parametrize("cls", NONE)
def test_what_only_behaves_like_an_optimiser_is_refused(cls: Any) -> None:
    model = extracted(plain, optimizer_class=cls)
    assert_refused(model, PlanError, NONE[cls], B)


def test_a_model_whose_optimiser_cannot_be_found_says_so() -> None:
    model = patched(lambda policy: None)
    model.policy.optimizer = None
    report = sp.apply(model, half(model))
    assert len(report.unoptimised) == len(list(model.policy.parameters()))
    alone = patched(lambda policy: None).policy
    alone.optimizer = None
    assert sp.apply(alone, {}).unoptimised == ()


class OwnAdam(torch.optim.Adam):
    """An optimiser of somebody's package, which follows as Adam does."""


@pytest.mark.parametrize("name", ["PPO", "SAC"])
def test_an_optimiser_of_a_users_class_follows(name: str) -> None:
    model = zoo.train(zoo.make_model(name, policy_kwargs={"optimizer_class": OwnAdam}))
    layer, units = next(iter(sp.wire(model).units().items()))
    sp.apply(model, {layer: sp.surgery.remove([0], units)})
    assert sp.wire(model).units()[layer] == units - 1
    zoo.train_on(model)


def test_a_users_buffer_and_environment_are_looked_into() -> None:
    class Buffer(RolloutBuffer):
        """Keeps weights."""

    model = extracted(plain)
    model.rollout_buffer.__class__ = Buffer
    model.rollout_buffer.weights = [model.policy.features_extractor.a.weight]
    why = r"^'model.rollout_buffer.weights' holds tensors"
    assert_refused(model, PlanError, why)


def test_looking_runs_no_code_of_users_and_ends() -> None:
    class Endless:
        """Makes new objects whenever it is asked for its attributes."""

        def __getattribute__(self, name: str) -> Any:
            return {"more": Endless()}

    model = extracted(plain)
    model.source = [Endless(), [0.5] * 10**6]
    model.source.append(model.source)
    sp.apply(model, {A: remove([0], 12)})


def test_globals_of_functions_are_not_followed() -> None:
    model = extracted(plain)
    model.source = [uses_globals, Has(uses_globals).get]
    GLOBAL.append(model.policy.features_extractor.a.weight)
    try:
        sp.apply(model, {A: remove([0], 12)})
    finally:
        GLOBAL.clear()


GLOBAL: list[Any] = []


def uses_globals() -> list[Any]:
    """Return what is global."""
    return GLOBAL
