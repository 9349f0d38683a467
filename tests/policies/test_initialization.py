"""Xavier initialisation of every network of a policy."""

import pytest
import torch
import zoo
from torch import nn

from sb3_prune import xavier
from sb3_prune.networks.perceptrons import find_perceptrons


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_biases_are_zero_and_weights_within_the_bound(name: str) -> None:
    model = zoo.make_model(name)
    xavier(model.policy)
    for perceptron in find_perceptrons(model.policy):
        heads = list(perceptron.heads)
        for module in (*perceptron.body, *heads):
            if isinstance(module, nn.Linear):
                bound = (6 / (module.in_features + module.out_features)) ** 0.5
                assert module.weight.abs().max() <= bound
                assert module.weight.abs().max() > 0.5 * bound
                assert module.bias.count_nonzero() == 0


@pytest.mark.parametrize("name", zoo.WITH_TARGETS)
def test_targets_are_copies(name: str) -> None:
    policy = zoo.make_model(name).policy
    xavier(policy)
    for child, network in policy.named_children():
        target = getattr(policy, f"{child}_target", None)
        if isinstance(target, nn.Module):
            for mine, copy in zip(
                network.parameters(), target.parameters(), strict=True
            ):
                assert torch.equal(mine, copy)
