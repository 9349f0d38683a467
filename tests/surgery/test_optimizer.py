"""Tests for surgery/optimizer.py."""

from __future__ import annotations

import pytest
import torch
import zoo
from torch import nn

from sb3_prune.surgery.optimizer import move_state, optimizers, stepped


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_the_optimizers_are_those_that_the_model_saves(name: str) -> None:
    model = zoo.trained(name)
    saved = {key for key in model._get_torch_save_params()[0] if "optimizer" in key}
    found = {key if "." in key else f"policy.{key}" for key in optimizers(model.policy)}
    assert found == saved - {"ent_coef_optimizer"}


@pytest.fixture
def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))


def test_what_optimisers_step_are_the_parameters_of_all_groups(
    net: nn.Sequential,
) -> None:
    groups = [{"params": [net[0].weight]}, {"params": [net[1].weight], "lr": 1.0}]
    one, other = torch.optim.Adam(groups), torch.optim.SGD([net[0].bias], 1.0)
    assert stepped(one) == {net[0].weight, net[1].weight}
    assert stepped(one, other) == {*stepped(one), net[0].bias}
    assert net[1].bias not in stepped(one, other)
    assert stepped() == set()


def test_state_and_groups_move_to_the_new_parameter(net: nn.Sequential) -> None:
    groups = [
        {"params": net[0].parameters()},
        {"params": net[1].parameters(), "lr": 1.0},
    ]
    optimizer = torch.optim.Adam(groups)
    net(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    old, untouched = net[0].weight, net[1].weight
    before = dict(optimizer.state[old])
    new = nn.Parameter(old.detach()[:2])
    moments = {"exp_avg": before["exp_avg"][:2], "exp_avg_sq": before["exp_avg_sq"][:2]}
    move_state(optimizer, {old: new}, {old: moments})
    assert old not in optimizer.state
    assert optimizer.state[new]["exp_avg"] is moments["exp_avg"]
    assert optimizer.state[new]["step"] is before["step"]
    assert optimizer.param_groups[0]["params"][0] is new
    assert optimizer.param_groups[1]["params"][0] is untouched
    assert optimizer.param_groups[1]["lr"] == 1.0


def test_hooks_of_the_optimizer_stay(net: nn.Sequential) -> None:
    optimizer, calls = torch.optim.SGD(net.parameters(), lr=0.1), []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    new = nn.Parameter(net[0].weight.detach().clone())
    move_state(optimizer, {net[0].weight: new}, {})
    optimizer.step()
    assert calls == [1]


def test_a_parameter_without_state_gets_none(net: nn.Sequential) -> None:
    optimizer = torch.optim.Adam(net.parameters())
    new = nn.Parameter(net[0].weight.detach().clone())
    move_state(optimizer, {net[0].weight: new}, {})
    assert not optimizer.state
