"""Tests for networks/ofexinet.py."""

from __future__ import annotations

import copy
from typing import Any

import ofexi_zoo
import pytest
import torch
import zoo
from torch import nn

from sb3_prune.exceptions import ConfigError
from sb3_prune.networks.ofexinet import EARLY, OFEXiConfig, OFEXiNet

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def make_net(action: int = 2, **options: Any) -> OFEXiNet:
    torch.manual_seed(0)
    config = OFEXiConfig(**{"blocks": 3, "units": 6, "norm": "batch", **options})
    net = OFEXiNet(4, action, config)
    net.build_optimizer()
    return net


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    obs, actions = (torch.randn(16, n, generator=generator) for n in (4, 2))
    return obs, actions, obs + 0.1 * actions.sum(1, keepdim=True)


# Shapes.


def test_widths_are_those_of_dense_nets(batch: Batch) -> None:
    net = make_net()
    assert net.state_width == 4 + 18 == net.state(batch[0]).shape[1]
    assert net.width == 4 + 18 + 2 + 18 == net.features(*batch[:2]).shape[1]
    assert net.f_pred(net.features(*batch[:2])).shape == (16, 4)
    state = net.state(batch[0])
    assert torch.equal(net.with_action(state, batch[1]), net.features(*batch[:2]))


def test_without_actions_the_state_predicts(batch: Batch) -> None:
    net = make_net(action=0)
    assert net.phi_oa is None and net.width == net.state_width == 22
    assert torch.equal(net.features(batch[0], None), net.state(batch[0]))
    assert float(net.update(batch[0], None, batch[2])) > 0


def test_only_the_first_entries_are_predicted_if_so_wanted(batch: Batch) -> None:
    net = make_net(predicted=3)
    errors = net.errors(*batch)
    following = batch[2].clone()
    following[:, 3] = 1e6
    assert errors.shape == (16, 3)
    assert torch.equal(net.errors(batch[0], batch[1], following), errors)


def test_the_prediction_starts_as_the_original_does() -> None:
    weight = make_net(units=20).f_pred.weight.detach()
    bound = (6 / sum(weight.shape)) ** 0.5
    assert bound * 0.9 < float(weight.abs().max()) <= bound
    assert not make_net().f_pred.bias.any()


# Updates.


def by_hand(net: OFEXiNet, batch: Batch) -> torch.Tensor:
    """Compute the loss with the statistics of the batch."""
    obs, actions, following = batch
    features = obs
    for branch in (net.phi_o, net.phi_oa):
        assert branch is not None
        features = (
            features if branch is net.phi_o else torch.cat([features, actions], 1)
        )
        for block in branch:
            hidden = features @ block.weight.T + block.bias
            centred = hidden - hidden.mean(0)
            hidden = centred / (hidden.var(0, correction=0) + 1e-3).sqrt()
            hidden = hidden * block.norm.weight + block.norm.bias
            new = hidden * hidden.sigmoid()
            features = torch.cat([features * block.scale, new], dim=1)
    guess = features @ net.f_pred.weight.T + net.f_pred.bias
    return ((guess - following) ** 2).sum(1).mean()


def test_an_update_is_one_step_of_adam_on_the_squared_error(batch: Batch) -> None:
    net = make_net().double()
    ofexi_zoo.scramble(nn.ModuleDict({"ofe": net}))  # Also what is neutral at first.
    twin = copy.deepcopy(net).requires_grad_()
    adam = torch.optim.Adam(twin.weights(), lr=3e-4)
    batch = tuple(x.double() for x in batch)  # type: ignore[assignment]
    for _ in range(3):
        loss = by_hand(twin, batch)
        adam.zero_grad()
        loss.backward()
        adam.step()
        found = net.update(*batch)
        torch.testing.assert_close(found * 4, loss.detach())
    for mine, theirs in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-8, rtol=0)
    assert net.updates == 3


def test_running_statistics_follow_slowly_as_in_keras(batch: Batch) -> None:
    net = make_net()
    first: Any = net.phi_o[0]
    hidden = nn.functional.linear(batch[0], first.weight, first.bias).detach()
    net.update(*batch)
    torch.testing.assert_close(first.norm.running_mean, 0.01 * hidden.mean(0))
    variance = 0.99 + 0.01 * hidden.var(0)
    torch.testing.assert_close(first.norm.running_var, variance)


@pytest.mark.parametrize("norm", ofexi_zoo.NORMS)
def test_the_loss_falls(norm: Any, batch: Batch) -> None:
    net = make_net(norm=norm, learning_rate=3e-3)
    losses = [float(net.update(*batch)) for _ in range(100)]
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize("norm", ["layer", "none"])
def test_every_weight_moves_and_no_gradient_is_left(norm: Any, batch: Batch) -> None:
    net = make_net(norm=norm)
    before = [p.clone() for p in net.parameters()]
    for _ in range(2):
        net.update(*batch)
    pairs = zip(net.parameters(), before, strict=True)
    assert not any(torch.equal(p, old) for p, old in pairs)
    assert all(p.grad is None and not p.requires_grad for p in net.parameters())


def test_gates_are_drawn_while_it_learns_and_thetas_take_their_gradient(
    batch: Batch,
) -> None:
    net = make_net()
    for block in ofexi_zoo.blocks(nn.ModuleDict({"ofe": net})):
        block.gate.learn(block.bias)
        with torch.no_grad():
            block.gate.theta.fill_(0.5)  # type: ignore[union-attr]
    assert len(net.weights()) == len(list(net.parameters())) - 6
    torch.manual_seed(0)
    with net.learning():
        assert not torch.equal(net.features(*batch[:2]), net.features(*batch[:2]))
        net.errors(*batch).sum().backward()
        thetas = [p for n, p in net.named_parameters() if n.endswith("theta")]
        assert all(theta.grad is not None and theta.grad.any() for theta in thetas)
    assert torch.equal(net.features(*batch[:2]), net.features(*batch[:2]))


# Outside of updates it is a constant.


def modes(net: nn.Module) -> set[bool]:
    return {module.training for module in net.modules()}


def test_nobody_switches_its_mode() -> None:
    net = make_net()
    nn.ModuleList([net]).train()
    net.train()
    assert modes(net) == {False}
    assert not any(p.requires_grad for p in net.parameters())


def test_it_learns_inside_learning_and_not_after_an_error() -> None:
    net = make_net()
    with pytest.raises(KeyError), net.learning():
        assert modes(net) == {True}
        assert all(p.requires_grad for p in net.parameters())
        raise KeyError
    assert modes(net) == {False}
    assert not any(p.requires_grad for p in net.parameters())


def test_the_gradient_of_the_action_is_that_of_finite_differences(
    batch: Batch,
) -> None:
    net = make_net().double()
    ofexi_zoo.scramble(nn.ModuleDict({"ofe": net}))
    state, actions = net.state(batch[0].double()), batch[1].double().requires_grad_()
    torch.autograd.gradcheck(lambda a: net.with_action(state, a), (actions,))
    assert all(p.grad is None for p in net.parameters())


def test_fixed_features_have_no_gradient(batch: Batch) -> None:
    net = make_net()
    found = net.fixed_state(batch[0].requires_grad_())
    assert not found.requires_grad and torch.equal(found, net.state(batch[0]))


# The gap between training and acting.


def test_the_feature_gap_is_the_distance_between_statistics(batch: Batch) -> None:
    net = make_net()
    for _ in range(20):
        net.update(*batch)
    running = net.features(*batch[:2])
    twin = copy.deepcopy(net)
    with twin.learning():
        of_batch = twin.features(*batch[:2])
    gap = float(((of_batch - running).norm() / running.norm()).detach())
    assert net.feature_gap(*batch[:2]) == pytest.approx(gap, rel=1e-5)
    assert gap > 0.01


@pytest.mark.parametrize("norm", ofexi_zoo.NORMS)
def test_looking_at_the_gap_learns_nothing(norm: Any, batch: Batch) -> None:
    net = make_net(norm=norm)
    net.update(*batch)
    before = ofexi_zoo.whole(net)
    gap = net.feature_gap(*batch[:2])
    assert (gap > 0) == (norm == "batch")
    assert zoo.equal(ofexi_zoo.whole(net), before) and modes(net) == {False}


# What is saved.


def test_a_loaded_net_goes_on_as_the_saved_one(batch: Batch) -> None:
    net, other = make_net(), make_net()
    for _ in range(3):
        net.update(*batch)
    net.pretrained = True
    other.load_state_dict(net.state_dict())
    assert (other.updates, other.pretrained) == (3, True)
    for _ in range(3):
        assert torch.equal(net.update(*batch), other.update(*batch))
    assert zoo.equal(ofexi_zoo.whole(net), ofexi_zoo.whole(other))


def test_a_loaded_net_shares_nothing_with_the_saved_one(batch: Batch) -> None:
    net, other = make_net(), make_net()
    net.update(*batch)
    other.load_state_dict(net.state_dict())
    before = ofexi_zoo.whole(net)
    other.update(*batch)
    assert zoo.equal(ofexi_zoo.whole(net), before)


def test_only_tensors_are_in_a_state_dictionary(batch: Batch) -> None:
    net, other = make_net(), make_net()
    net.update(*batch)
    state = net.state_dict()
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    other.update(*batch)
    other.update(*batch)
    learning = copy.deepcopy(other.learning_state())
    other.load_state_dict({name: value.clone() for name, value in state.items()})
    assert zoo.equal(other.learning_state(), learning)
    assert torch.equal(other.f_pred.weight, net.f_pred.weight)


def test_the_form_of_0_1_0_still_loads(batch: Batch) -> None:
    net, other = make_net(), make_net()
    net.update(*batch)
    state = {**net.state_dict(), EARLY: copy.deepcopy(net.learning_state())}
    other.load_state_dict(state)
    assert EARLY in state
    assert zoo.equal(ofexi_zoo.whole(other), ofexi_zoo.whole(net))


def test_loaded_thetas_are_constants() -> None:
    net, other = make_net(), make_net()
    first: Any = net.phi_o[0]
    first.gate.learn(first.bias)
    other.load_state_dict(net.state_dict())
    assert "phi_o.0.gate.theta" in dict(other.named_parameters())
    assert not any(p.requires_grad for p in other.parameters())


def test_a_copy_learns_by_itself(batch: Batch) -> None:
    net = make_net()
    net.update(*batch)
    twin, before = copy.deepcopy(net), ofexi_zoo.whole(net)
    twin.update(*batch)
    assert zoo.equal(ofexi_zoo.whole(net), before)
    assert not torch.equal(twin.f_pred.weight, net.f_pred.weight)


# Bad input.


def test_more_entries_than_there_are_cannot_be_predicted() -> None:
    with pytest.raises(ConfigError, match="predict 5 entries: an observation has 4"):
        make_net(predicted=5)
