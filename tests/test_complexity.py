"""Tests for complexity.py."""

from __future__ import annotations

from typing import Any

import ofexi_zoo
import pytest
import torch
import zoo
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

import sb3_prune as sp
from sb3_prune.complexity import Complexity, complexity
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.surgery import remove_closed

every_algorithm = pytest.mark.parametrize("name", zoo.ALGORITHMS)


@every_algorithm
def test_masked_units_count_as_removed(name: str) -> None:
    model = zoo.make_model(name)
    dense = complexity(model)
    sp.mask(model, zoo.random_plan(model.policy))
    masked = complexity(model)
    remove_closed(model)
    assert masked == complexity(model)
    assert all(value < dense.to_dict()[k] for k, value in masked.to_dict().items())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("arch", [zoo.ARCH, []], ids=["hidden", "head"])
@pytest.mark.parametrize("norm", ofexi_zoo.NORMS)
@pytest.mark.parametrize("name", ofexi_zoo.FORMS)
def test_masked_units_of_features_count_as_removed(
    name: str, norm: str, arch: list[int], seed: int
) -> None:
    kwargs = {"net_arch": arch}
    model = ofexi_zoo.make_model(name, ofe={"norm": norm}, policy_kwargs=kwargs)
    sp.mask(model, ofexi_zoo.random_plan(model.policy, seed))
    masked = complexity(model)
    remove_closed(model)
    assert masked == complexity(model)


@pytest.mark.parametrize("name", zoo.STOCK)
def test_stock_and_masked_policies_cost_the_same(name: str) -> None:
    stock = complexity(zoo.make_model(name, stock=True))
    assert stock == complexity(zoo.make_model(name))


@every_algorithm
def test_units_are_those_of_the_online_networks(name: str) -> None:
    model = zoo.make_model(name)
    online = sum(sp.wire(model.policy).units().values())
    found = complexity(model)
    assert found.units == online
    assert found.units_deploy == sum(zoo.ARCH)


@every_algorithm
def test_all_parameters_but_the_targets_are_trained(name: str) -> None:
    policy = zoo.make_model(name).policy
    expected = sum(
        p.numel() for n, p in policy.named_parameters() if "_target." not in n
    )
    assert complexity(zoo.make_model(name)).params_train == expected


@every_algorithm
def test_flops_equal_those_of_the_layers_that_run(name: str) -> None:
    model = zoo.make_model(name)
    sp.apply(model, zoo.random_plan(model.policy))
    assert complexity(model).flops_deploy == counted_flops(model)


def counted_flops(model: Any) -> int:
    """Count multiplications and additions of one action, output by output."""
    counts = []

    def count(_: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        products = inputs[0].shape[-1]
        counts.extend(products + (products - 1) for _ in range(output.shape[-1]))

    for module in model.policy.modules():
        if isinstance(module, nn.Linear):
            module.register_forward_hook(count)
    model.predict(zoo.observations(model, 1), deterministic=True)
    return sum(counts)


class LinearExtractor(BaseFeaturesExtractor):
    """A features extractor with parameters."""

    def __init__(self, observation_space: Any) -> None:
        super().__init__(observation_space, 5)
        self.net = nn.Linear(observation_space.shape[0], 5)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.net(observations)


@pytest.mark.parametrize("shared", [True, False])
def test_only_the_acting_features_extractor_is_deployed(shared: bool) -> None:
    kwargs = {
        "features_extractor_class": LinearExtractor,
        "share_features_extractor": shared,
    }
    found = complexity(zoo.make_model("PPO", policy_kwargs=kwargs))
    plain = complexity(zoo.make_model("PPO", policy_kwargs={"net_arch": zoo.ARCH}))
    extractor = 5 * 4 + 5
    wider = zoo.ARCH[0]  # one more input for each unit of the first layer
    assert found.params_deploy - plain.params_deploy == extractor + wider
    copies = 1 if shared else 2
    trained = found.params_train - plain.params_train
    assert trained == copies * extractor + 2 * wider


def test_an_unknown_policy_is_refused() -> None:
    model = zoo.make_model("DQN")
    model.policy = nn.Linear(2, 2)
    with pytest.raises(UnsupportedPolicyError, match=r"Linear.*Known: .*QNetwork"):
        complexity(model)


def test_counts_are_a_plain_dict() -> None:
    found = complexity(zoo.make_model("DQN"))
    assert Complexity(**found.to_dict()) == found
