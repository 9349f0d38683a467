"""Tests for transplanting/deepening.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo
from laws import assert_optimised
from stable_baselines3 import DQN, PPO

from sb3_prune.exceptions import TransplantError
from sb3_prune.transplanting import plan_transplant, transplant
from transplanting.made import env_of, trained
from transplanting.test_transplants import acts, seen

RELU = ["DQN", "QRDQN", "SAC", "TD3", "TQC", "ValueSAC", "BranchingDQN"]
TANH = ["PPO", "A2C", "MaskablePPO", "TRPO"]


@pytest.mark.parametrize("arch", [[12, 10, 10], [12, 14, 15, 19]])
@pytest.mark.parametrize("name", RELU)
def test_layers_of_relu_pass_on_exactly(name: str, arch: list[int]) -> None:
    old = trained(name)
    report = plan_transplant(old, env=env_of(name), net_arch=arch)
    assert report.moved < 1e-6 and report.dropped == 0
    new = transplant(old, env=env_of(name), net_arch=arch)
    zoo.assert_close(acts(new, seen()), acts(old, seen()), 1e-5)
    zoo.train(new, 64)
    assert_optimised(new.policy)


@pytest.mark.parametrize("name", TANH)
def test_layers_of_tanh_pass_on_nearly(name: str) -> None:
    old = trained(name)
    report = plan_transplant(old, env=env_of(name), net_arch=[12, 10, 11])
    assert 0 < report.moved < 0.01


@pytest.mark.parametrize("name", ["DQN", "SAC"])
def test_new_layers_learn(name: str) -> None:
    new: Any = transplant(trained(name), env=env_of(name), net_arch=[12, 10, 10])
    network = new.q_net.q_net if name == "DQN" else new.actor.latent_pi
    layer = [m for m in network if isinstance(m, torch.nn.Linear)][2]
    assert torch.equal(layer.weight, torch.eye(10))
    zoo.train(new, 96)
    assert not torch.equal(layer.weight, torch.eye(10))


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        ("DQN", {"net_arch": [12, 10, 9]}, "9 units, too few to pass on the 10"),
        ("CrossQ", {"net_arch": [12, 10, 10]}, "there is a BatchRenorm1d between"),
    ],
)
def test_what_cannot_get_deeper(name: str, given: Any, why: str) -> None:
    with pytest.raises(TransplantError, match=why):
        transplant(trained(name), env=env_of(name), **given)


def test_other_activation_functions() -> None:
    kwargs = {"net_arch": [8], "activation_fn": torch.nn.ELU}
    old = DQN("MlpPolicy", env_of("DQN"), policy_kwargs=kwargs, buffer_size=50)
    with pytest.raises(TransplantError, match="functions are ELU; known: ReLU, Tanh"):
        transplant(old, env=env_of("DQN"), net_arch=[8, 8])


def test_gsde() -> None:
    env = env_of("SAC")
    kwargs = {"net_arch": [8]}
    old = PPO("MlpPolicy", env, policy_kwargs=kwargs, use_sde=True)
    with pytest.raises(TransplantError, match="gSDE's noise"):
        transplant(old, env=env, net_arch=[8, 8])
