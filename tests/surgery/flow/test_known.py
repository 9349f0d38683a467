"""Tests for surgery/flow/known.py: whose code a policy runs."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

import pytest
import torch
import zoo
from torch import nn
from torch.nn.utils import parametrize

from sb3_prune.gates import Gate
from sb3_prune.surgery.flow.known import (
    KNOWN,
    is_known,
    is_of_known_package,
    switches,
)

Change = Callable[[Any], Any]


class Users(nn.Module):
    """Does nothing, in a module of a user."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class UsersLinear(nn.Linear):
    """A layer of torch by another name."""


def net() -> Any:
    """Return a network of torch, two levels deep."""
    return nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 2)))


def patch(net: Any) -> None:
    def forward(self: nn.Linear, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight.T

    net[0].forward = MethodType(forward, net[0])


@pytest.mark.parametrize("stock", [True, False])
@pytest.mark.parametrize("name", ["DQN", "SAC", "PPO", "TQC", "RecurrentPPO"])
def test_policies_of_sb3_and_of_this_package_are_known(name: str, stock: bool) -> None:
    assert is_known(zoo.make_model(name, stock=stock).policy)


ODD: dict[str, Change] = {
    "a module": lambda net: net.append(Users()),
    "a subclass": lambda net: net[1].append(UsersLinear(2, 2)),
    "a forward hook": lambda net: net[1][0].register_forward_hook(lambda *_: None),
    "a hook before": lambda net: net[0].register_forward_pre_hook(lambda *_: None),
    "a parametrization": lambda net: parametrize.register_parametrization(
        net[1][1], "weight", nn.Identity()
    ),
    "a forward of its own": patch,
    "another method of its own": lambda net: setattr(net[1][1], "extra_repr", str),
}


@pytest.mark.parametrize("name", ODD)
def test_a_network_with_code_of_a_user_is_not_known(name: str) -> None:
    odd = net()
    assert is_known(odd)
    ODD[name](odd)
    assert not is_known(odd)


def test_a_policy_is_known_only_without_hooks_of_its_own() -> None:
    policy = zoo.make_model("PPO", stock=True).policy
    handle = policy.register_forward_hook(lambda *_: None)
    assert not is_known(policy)
    handle.remove()
    assert is_known(policy)


def test_a_subclass_of_a_policy_is_not_known() -> None:
    policy = zoo.make_model("PPO", stock=True).policy
    policy.__class__ = type("UsersPolicy", (type(policy),), {})
    assert not is_known(policy)


def test_functions_and_classes_kept_as_attributes_replace_nothing() -> None:
    kept = net()
    kept.activation_fn, kept.schedule = nn.Tanh, lambda _: 1.0
    assert is_known(kept)


def test_a_value_named_like_a_method_that_cannot_be_called_replaces_nothing() -> None:
    kept = net()
    kept.extra_repr = "text"
    assert is_known(kept)


@pytest.mark.parametrize(
    ("code", "known"),
    [
        (nn.Linear, True),
        (Gate, True),
        (nn.Linear.forward, True),
        (Users, False),
        (Users.forward, False),
        (object(), False),
    ],
)
def test_code_belongs_to_the_package_that_defines_it(code: object, known: bool) -> None:
    assert is_of_known_package(code) is known


@pytest.mark.parametrize("package", KNOWN)
def test_a_package_whose_name_only_begins_alike_is_another(package: str) -> None:
    inside, beside = (
        type("Code", (), {"__module__": f"{package}{end}"}) for end in (".nn", "vision")
    )
    assert is_of_known_package(inside) and not is_of_known_package(beside)


def test_switches_are_plain_attributes_of_users_modules() -> None:
    module: Any = Users()
    module.stage, module.rate, module.name = 2, 0.5, "a"
    assert {("stage", 2), ("name", "a")} <= set(switches(module))
    assert not {"rate", "training"} & dict(switches(module)).keys()
    assert switches(nn.Linear(2, 2)) == ()
