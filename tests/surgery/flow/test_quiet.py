"""Tests for surgery/flow/quiet.py."""

from __future__ import annotations

import random
from collections import deque
from contextlib import suppress
from typing import Any

import numpy as np
import ofexi_zoo
import pytest
import torch
import zoo
from torch import nn

import sb3_prune as sp
from sb3_prune.surgery.flow.quiet import (
    exact_arithmetic,
    noise,
    precision,
    quiet,
    same_random_state,
    seed_torch,
)
from surgery.flow.tiny import TinyPolicy


class Restless(nn.Module):
    """Changes with every call, in every way that a module can."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 6)
        self.norm = nn.BatchNorm1d(6)
        self.count = 0
        self.register_buffer("written", torch.zeros(6))
        self.register_buffer("replaced", torch.zeros(6))
        self.register_buffer("gone", torch.zeros(6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        setattr(self, f"seen_{self.count}", x)
        self.written.add_(1.0)
        self.replaced = self.replaced + torch.rand(6)
        self.gone = None
        random.random()
        np.random.rand()
        return self.norm(self.linear(x)) + self.written


def state(net: nn.Module) -> dict[str, Any]:
    """Return all that a call may move."""
    return {
        "modes": [module.training for module in net.modules()],
        "tensors": {k: v.clone() for k, v in net.state_dict().items()},
        "identities": [id(tensor) for tensor in net.buffers()],
        "attributes": sorted(vars(net)),
        "count": net.count,
        "python": random.getstate(),
        "numpy": str(np.random.get_state()[1:]),
        "torch": torch.get_rng_state(),
    }


@pytest.mark.parametrize("fails", [False, True])
def test_all_that_a_policy_moves_comes_back(fails: bool) -> None:
    policy = TinyPolicy(Restless())
    policy.train()
    policy.net.norm.eval()  # Modes of their own come back as well.
    before = state(policy.net)
    with suppress(ZeroDivisionError), quiet(policy):
        policy._predict(torch.randn(4, 5))
        moved = state(policy.net)
        assert not any(module.training for module in policy.modules())
        assert 1 / (0 if fails else 1)
    assert all(not zoo.equal(moved[key], before[key]) for key in before)
    after = state(policy.net)
    for key, value in before.items():
        assert zoo.equal(after[key], value), key


def test_a_policy_runs_without_gradients() -> None:
    policy = TinyPolicy(nn.Linear(5, 4))
    with quiet(policy):
        assert not policy._predict(torch.zeros(1, 5)).requires_grad
    assert policy._predict(torch.zeros(1, 5)).requires_grad


def test_batch_statistics_neither_move_nor_matter() -> None:
    policy = TinyPolicy(nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4)))
    policy.train()
    x = torch.randn(6, 5)
    with quiet(policy):
        torch.testing.assert_close(policy._predict(x)[:2], policy._predict(x[:2]))
    assert int(policy.net[1].num_batches_tracked) == 0


@pytest.mark.parametrize("name", ["PPO", "SAC"])
def test_matrices_of_gsde_and_distributions_come_back(name: str) -> None:
    model = zoo.make_model(name, use_sde=True, env=zoo.make_env("SAC"))
    actor = model.policy if name == "PPO" else model.policy.actor
    distribution = noise(actor)
    assert distribution is not None
    model.predict(zoo.observations(model, 1))
    before = dict(vars(distribution))
    with quiet(model.policy):
        model.policy.reset_noise(3)
        model.predict(zoo.observations(model, 3))
        assert distribution.exploration_mat is not before["exploration_mat"]
        assert distribution.distribution is not before["distribution"]
    assert vars(distribution).keys() == before.keys()
    assert all(vars(distribution)[key] is value for key, value in before.items())


def test_only_gsde_is_noise() -> None:
    assert noise(zoo.make_model("PPO").policy) is None
    assert noise(nn.Linear(2, 2)) is None


def test_an_extractor_runs_plainly_and_forgets() -> None:
    policy = ofexi_zoo.make_model("SAC").policy
    observations, runs = torch.zeros(2, 3), []
    policy.ofe.phi_o.register_forward_hook(lambda *_: runs.append(policy.ofe.plain))
    policy.ofe.fixed_state(observations)
    policy.ofe.fixed_state(observations)
    with quiet(policy):
        policy.ofe.fixed_state(observations)
    policy.ofe.fixed_state(observations)
    assert runs == [False, True, False]  # The second time it was remembered.


@pytest.mark.parametrize("precise", [torch.float32, torch.float64, torch.bfloat16])
def test_observations_are_as_precise_as_the_weights(precise: torch.dtype) -> None:
    policy = TinyPolicy(nn.Linear(5, 4)).to(precise)
    assert precision(policy) is precise
    with quiet(policy):
        assert torch.zeros(2).double().float().dtype is precise
        assert policy._predict(policy.obs_to_tensor(np.zeros(5))[0].float()) is not None
    assert torch.zeros(2).double().float().dtype is torch.float32


def test_without_weights_there_is_nothing_to_be_precise_about() -> None:
    assert precision(nn.ReLU()) is torch.float32


@pytest.mark.parametrize("fails", [False, True])
def test_random_states_come_back_without_a_policy_too(fails: bool) -> None:
    before = [random.random, np.random.rand, lambda: float(torch.rand(()))]
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(1)
    expected = [draw() for draw in before]
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(1)
    with suppress(ZeroDivisionError), same_random_state():
        for draw in before:
            draw()
        assert 1 / (0 if fails else 1)
    assert [draw() for draw in before] == expected


@pytest.mark.parametrize("fails", [False, True])
def test_arithmetic_is_exact_only_inside(fails: bool) -> None:
    def flags() -> tuple[bool, bool, str]:
        precise = torch.get_float32_matmul_precision()
        return torch.backends.cudnn.enabled, torch.backends.mkldnn.enabled, precise

    torch.set_float32_matmul_precision("high")
    before = flags()
    with suppress(ZeroDivisionError), exact_arithmetic():
        assert flags() == (False, False, "highest")
        assert 1 / (0 if fails else 1)
    after = flags()
    torch.set_float32_matmul_precision("highest")
    assert after == before == (True, True, "high")


class Writing(nn.Module):
    """Writes into all that it has, into its tensors in training mode only."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 4)
        self.losses: list[torch.Tensor] = []
        self.last: deque[int] = deque([1])
        self.counts: dict[str, int] = {"a": 1}
        self.kinds: set[int] = {1}
        self.drawing = np.random.default_rng(0)
        self.stream = torch.Generator().manual_seed(0)
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.linear.weight.data.clamp_(-0.01, 0.01)
            self.get_buffer("mean").data.add_(1.0)
        self.losses.append(x.sum())
        self.last.append(2)
        self.counts["a"] = 2
        self.kinds.add(2)
        self.drawing.normal()
        torch.rand(1, generator=self.stream)
        return self.linear(x)


@pytest.mark.parametrize("training", [True, False])
def test_what_code_writes_comes_back(training: bool) -> None:
    policy = TinyPolicy(Writing())
    net: Any = Writing().eval()
    policy.net = net
    before = [tensor.clone() for tensor in policy.state_dict().values()]
    for _ in range(2):
        with quiet(policy, training=training):
            assert policy.training is net.training is training
            assert policy._predict(torch.zeros(2, 5)).requires_grad is training
            assert net.losses and len(net.kinds) == 2
        assert not net.training
        assert all(map(torch.equal, before, policy.state_dict().values()))
        held = net.losses, list(net.last), net.counts, net.kinds
        assert held == ([], [1], {"a": 1}, {1})
    fresh = Writing()
    assert net.drawing.normal() == fresh.drawing.normal()
    streams = [torch.rand(1, generator=own.stream) for own in (net, fresh)]
    assert torch.equal(*streams)


def test_what_is_not_written_is_not_touched() -> None:
    policy = TinyPolicy(Writing())
    version = policy.net.linear.bias._version
    with quiet(policy, training=True):
        policy._predict(torch.zeros(2, 5))
    assert policy.net.linear.bias._version == version


def test_seeding_draws_as_torch_does() -> None:
    """Where no device is in use, the draws are those of torch.manual_seed."""
    with same_random_state():
        torch.manual_seed(3)
        expected = torch.rand(4)
        seed_torch(3)
        assert torch.equal(torch.rand(4), expected)


@pytest.mark.skipif(torch.cuda.is_initialized(), reason="the device is in use")
def test_devices_that_nobody_uses_are_not_seeded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cut leaves no call behind that seeds a GPU when somebody first uses it."""
    model = zoo.train(zoo.make_model("PPO"))

    def seeded(seed: int) -> None:
        pytest.fail(f"All devices are seeded with {seed}.")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded)
    sp.prune(model, "magnitude", {"final_sparsity": 0.5}, model.get_env(), episodes=1)


def test_devices_in_use_are_seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a device in use, all devices are seeded."""
    seeds: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch, "manual_seed", seeds.append)
    seed_torch(3)
    assert seeds == [3]
