"""Tests for gradients.py: against autograd, captum, and by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo
from captum.attr import GuidedBackprop
from stable_baselines3 import A2C
from stable_baselines3.common.envs import FakeImageEnv, SimpleMultiObsEnv
from torch import nn

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.screening.gradients import Guided, _is_relu, sensitivities
from sb3_prune.screening.loss import batch_of, loss_terms
from screening.made import window, window_of

ON_POLICY = ["A2C", "PPO", "TRPO", "MaskablePPO"]
BOTH = ("mlp_extractor.policy_net", "mlp_extractor.value_net")


class Tail(nn.Module):
    """The loss terms as a function of what a part of the policy's net makes.

    Captum replaces the gradients of modules, so the ReLUs must be modules in it.
    """

    def __init__(self, found: Any, start: int) -> None:
        super().__init__()
        self.policy = found.model.policy
        self.batch = batch_of(found)
        self.rest = self.policy.mlp_extractor.policy_net[start:]

    def forward(self, units: torch.Tensor) -> torch.Tensor:
        latent = self.rest(units)
        distribution = self.policy._get_action_dist_from_latent(latent)
        log_prob = distribution.log_prob(self.batch.actions)
        return -self.batch.advantages * log_prob / len(units)


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
@pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients")
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("name", ["A2C", "PPO"])
def test_guided_gradients_are_those_of_captum(name: str, place: int) -> None:
    found = window(name)
    net = found.model.policy.mlp_extractor.policy_net  # type: ignore[union-attr]
    start = 2 * place + 1  # Before the ReLU behind the Linear layer.
    layer = f"mlp_extractor.policy_net.{2 * place}"
    ours = sensitivities(found, guided=True)[layer]
    before = net[:start](found.inputs.observations).detach()  # type: ignore[index]
    expected = GuidedBackprop(Tail(found, start)).attribute(before)
    active = ours.activations > 0
    assert 0 < int(active.sum()) < active.numel()
    found_gradient = ours.gradients * active
    assert float((found_gradient - expected).abs().max()) <= 1e-6
    assert float(expected.abs().max()) > 1e-4
    assert bool((ours.gradients >= 0).all())


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("name", ON_POLICY)
def test_only_guiding_cuts_gradients(name: str, guided: bool) -> None:
    found = window(name)
    measured = sensitivities(found, BOTH, guided=guided)
    assert all(each.is_relu for each in measured.values())
    negative = [bool((each.gradients < 0).any()) for each in measured.values()]
    assert any(negative) != guided
    rows = found.activations(BOTH)
    for layer, each in measured.items():
        torch.testing.assert_close(each.activations, rows[layer])
        assert torch.equal(each.weighted, each.activations * each.gradients)


def test_gradients_are_the_change_of_the_loss() -> None:
    """Adding to one activation of the last layer, by the bias behind it."""
    found = window("A2C", nn.Tanh)
    model, batch = found.model, batch_of(found)
    measured = sensitivities(found)["mlp_extractor.policy_net.2"]
    head = model.policy.action_net  # type: ignore[union-attr]
    loss = loss_terms(model, batch).mean()
    bias = torch.autograd.grad(loss, head.bias)[0]  # type: ignore[union-attr]
    expected = bias @ head.weight.detach()  # type: ignore[union-attr,operator]
    torch.testing.assert_close(measured.gradients.sum(0), expected)


def test_guiding_by_hand() -> None:
    """H = relu(x), y = -2 h_0 + 3 h_1: the first unit's gradient is cut."""
    x = torch.tensor([1.0, 1.0, -1.0], requires_grad=True)
    with Guided():
        h = torch.relu(x)
        y = (torch.tensor([-2.0, 3.0, 5.0]) * h).sum()
    inner, outer = torch.autograd.grad(y, [h, x])
    assert inner.tolist() == [-2, 3, 5]  # Cut where it is read, see _sensitivity.
    assert outer.tolist() == [0, 3, 0]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (torch.relu, True),
        (nn.ReLU(inplace=True), True),
        (lambda t: torch.relu(t).flatten(1), True),
        (lambda t: torch.relu(t) * torch.ones(4), True),
        (torch.tanh, False),
        (nn.LeakyReLU(), False),
        (lambda t: torch.relu(t) + t, False),
        (lambda t: torch.relu(t) * t, False),
        (lambda t: torch.tanh(torch.relu(t)), False),
    ],
)
def test_what_is_behind_a_relu(call: Any, expected: bool) -> None:
    weight = torch.ones(2, 4, requires_grad=True)
    assert _is_relu(call(weight * 1)) is expected


@pytest.mark.parametrize("stock", [True, False])
def test_gates_keep_their_relu(stock: bool) -> None:
    kwargs = {"activation_fn": nn.ReLU}
    model = zoo.make_model("A2C", stock=stock, policy_kwargs=kwargs)
    if not stock:
        gates = [m for m in model.policy.modules() if type(m).__name__ == "Gate"]
        assert gates
        gates[0].close([0], torch.ones(zoo.ARCH[0]))  # type: ignore[operator]
    found = sensitivities(window_of(model), BOTH, guided=True)
    assert all(each.is_relu for each in found.values())


def test_what_the_loss_does_not_read_is_refused() -> None:
    found = window("A2C")
    layers = found.layers(BOTH)
    assert len(layers) == 4 and len(sensitivities(found)) == 2
    with pytest.raises(UnsupportedPolicyError, match="which SAC does not have"):
        sensitivities(window("SAC"))


@pytest.mark.parametrize("name", ON_POLICY)
def test_looking_changes_nothing(name: str) -> None:
    found = window(name)
    before = zoo.snapshot(found.model.policy)
    grads = [p.grad for p in found.model.policy.parameters()]
    sensitivities(found, guided=True)
    zoo.assert_same(zoo.snapshot(found.model.policy), before, identities=True)
    after = [p.grad for p in found.model.policy.parameters()]
    assert all(a is b for a, b in zip(grads, after, strict=True))


def test_channels_have_a_row_for_each_place() -> None:
    env = FakeImageEnv(screen_height=36, screen_width=36)
    kwargs = {"features_extractor_kwargs": {"features_dim": 5}}
    model = A2C("CnnPolicy", env, seed=0, device="cpu", policy_kwargs=kwargs)
    found = window_of(model, 3)
    measured = sensitivities(found, ["features_extractor"], guided=True)
    shapes = [tuple(each.gradients.shape) for each in measured.values()]
    assert shapes == [(3 * 8 * 8, 32), (3 * 3 * 3, 64), (3 * 1 * 1, 64), (3, 5)]
    assert all(each.is_relu for each in measured.values())
    rows = found.activations(["features_extractor"])
    for layer, each in measured.items():
        torch.testing.assert_close(each.activations, rows[layer])


def test_concatenated_units_are_not_seen_behind_their_relu() -> None:
    model = A2C("MultiInputPolicy", SimpleMultiObsEnv(), seed=0, device="cpu")
    measured = sensitivities(window_of(model, 3), ["features_extractor"])
    seen = {name.rpartition("img.")[2]: s.is_relu for name, s in measured.items()}
    assert seen == {"cnn.0": True, "cnn.2": True, "cnn.4": True, "linear.0": False}
