"""Tests for cli/policy_kwargs.py."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sb3_prune.cli.policy_kwargs import ACTIVATIONS, OPTIMIZERS, with_classes
from sb3_prune.exceptions import ConfigError, UnknownNameError


@pytest.mark.parametrize("name", ["Tanh", "nn.Tanh", "torch.nn.Tanh", "th.nn.Tanh"])
def test_activations_by_name(name: str) -> None:
    given = {"activation_fn": name, "net_arch": [8]}
    assert with_classes(given) == {"activation_fn": nn.Tanh, "net_arch": [8]}
    assert given["activation_fn"] == name


def test_optimizers_by_name() -> None:
    found = with_classes({"optimizer_class": "torch.optim.RMSprop"})
    assert found == {"optimizer_class": torch.optim.RMSprop}


@pytest.mark.parametrize("cls", ACTIVATIONS.values())
def test_an_activation_acts_on_each_unit(cls: type[nn.Module]) -> None:
    activation, x = cls().eval(), torch.randn(4, 3)
    assert torch.allclose(activation(x)[:, 1:], activation(x[:, 1:]))


@pytest.mark.parametrize("cls", OPTIMIZERS.values())
def test_an_optimizer_is_built_by_parameters(cls: type[torch.optim.Optimizer]) -> None:
    cls([torch.zeros(2, 2, requires_grad=True)], lr=1e-3)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "name",
    ["Relu", "", "os.system", "torch.ReLU", "Module", "nn.ReLU()", "é", "Softmax"],
)
def test_unknown_names_are_listed(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown activation .*ReLU.*Tanh"):
        with_classes({"activation_fn": name})


@pytest.mark.parametrize(
    "net_arch",
    [[0], [8, -1], 3.5, {"pi": [8], "vf": [1e400]}, [2**16 + 1], None, "8", [True]],
)
def test_layers_without_units(net_arch: object) -> None:
    with pytest.raises(
        ConfigError, match="net_arch must be a whole number of at least 1"
    ):
        with_classes({"net_arch": net_arch})


@pytest.mark.parametrize("net_arch", [[], [8, 8], {"pi": [8], "vf": []}, [{"pi": [8]}]])
def test_layers_with_units(net_arch: object) -> None:
    assert with_classes({"net_arch": net_arch}) == {"net_arch": net_arch}


@pytest.mark.parametrize("value", [3, None, ["ReLU"]])
def test_what_is_no_name(value: object) -> None:
    with pytest.raises(ConfigError, match="activation_fn must be the name of an act"):
        with_classes({"activation_fn": value})
