"""Tests for complexity.py."""

from __future__ import annotations

from typing import Any

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


@every_algorithm
def test_stock_and_masked_policies_cost_the_same(name: str) -> None:
    if name == "BranchingDQN":
        pytest.skip("has no stock policy")
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


@pytest.mark.parametrize("name", ["DQN", "SAC", "TD3", "PPO", "TQC", "BranchingDQN"])
def test_flops_equal_those_of_the_layers_that_run(name: str) -> None:
    model = zoo.make_model(name)
    sp.apply(model, zoo.random_plan(model.policy))
    assert complexity(model).flops_deploy == counted_flops(model)


def counted_flops(model: Any) -> int:
    """Count multiplications and additions of one action, layer by layer."""
    total = 0

    def count(linear: nn.Linear, inputs: Any, output: torch.Tensor) -> None:
        nonlocal total
        for _ in range(output.shape[1]):
            total += len(inputs[0][0]) + len(inputs[0][0]) - 1

    network = getattr(model.policy, "actor", None) or getattr(
        model.policy, "q_net", model.policy
    )
    critic = [getattr(model.policy, "value_net", None)]
    if hasattr(model.policy, "mlp_extractor"):
        critic += list(model.policy.mlp_extractor.value_net)
    linears = [m for m in network.modules() if isinstance(m, nn.Linear)]
    hooks = [m.register_forward_hook(count) for m in linears if m not in critic]
    if hasattr(model.policy, "get_distribution"):
        model.policy.get_distribution(torch.as_tensor(zoo.observations(model, 1)))
    elif model.policy.__class__.__name__.startswith(("MaskedSAC", "MaskedTQC")):
        model.policy.actor(torch.as_tensor(zoo.observations(model, 1)))
    else:
        network(torch.as_tensor(zoo.observations(model, 1)))
    for hook in hooks:
        hook.remove()
    return total


class TwoLayers(BaseFeaturesExtractor):
    """A features extractor with parameters."""

    def __init__(self, observation_space: Any) -> None:
        super().__init__(observation_space, 5)
        self.net = nn.Linear(observation_space.shape[0], 5)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.net(observations)


@pytest.mark.parametrize("shared", [True, False])
def test_only_the_acting_features_extractor_is_deployed(shared: bool) -> None:
    kwargs = {
        "features_extractor_class": TwoLayers,
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
    with pytest.raises(UnsupportedPolicyError, match="Linear.*Known: .*QNetwork"):
        complexity(model)


def test_counts_are_a_plain_dict() -> None:
    found = complexity(zoo.make_model("DQN"))
    assert Complexity(**found.to_dict()) == found
