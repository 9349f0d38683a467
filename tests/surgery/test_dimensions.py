"""Tests for surgery/dimensions.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import zoo
from extracted import extracted
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn
from torch.nn.utils import parametrize

import sb3_prune as sp
from sb3_prune.surgery.dimensions import refresh_caches, sync_dimensions


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_every_module_remembers_the_width_of_its_tensors(name: str) -> None:
    policy = zoo.copied(name)
    sp.apply(policy, zoo.random_plan(policy))
    for module in policy.modules():
        if isinstance(module, nn.Linear):
            assert module.weight.shape == (module.out_features, module.in_features)
        if hasattr(module, "ra_mean"):
            assert module.num_features == len(module.ra_mean)


@pytest.mark.parametrize("name", ["PPO", "A2C", "TRPO", "MaskablePPO", "RecurrentPPO"])
def test_latent_widths_follow(name: str) -> None:
    policy = zoo.copied(name)
    sp.apply(policy, zoo.random_plan(policy))
    extractor = policy.mlp_extractor
    assert extractor.latent_dim_pi == policy.action_net.in_features < zoo.ARCH[-1]
    assert extractor.latent_dim_vf == policy.value_net.in_features < zoo.ARCH[-1]


@pytest.mark.parametrize("name", ["SAC", "PPO"])
@pytest.mark.parametrize("last", [True, False])
def test_exploration_noise_is_drawn_anew_only_if_needed(name: str, last: bool) -> None:
    env = make_vec_env("Pendulum-v1", n_envs=2)
    policy = zoo.train(zoo.make_model(name, env=env, use_sde=True)).policy
    layers = sp.wire(policy)
    chosen = [n for n in layers if n.startswith(("actor.", "mlp_extractor.policy"))][
        -1 if last else 0
    ]
    module = getattr(policy, "actor", None) or policy
    old = module.action_dist.exploration_matrices
    sp.apply(policy, {chosen: sp.surgery.remove([0, 1], layers[chosen].units)})
    new = module.action_dist.exploration_matrices
    assert len(new) == len(old)
    assert (new is old) is not last
    assert new.shape[1] == module.action_dist.latent_sde_dim == len(module.log_std)


class Extractor(BaseFeaturesExtractor):
    """A user's extractor with attributes that look familiar."""

    def __init__(self, observation_space: Any) -> None:
        super().__init__(observation_space, 5)
        self.num_features = 77
        self.net = nn.Sequential(
            nn.Linear(observation_space.shape[0], 5), nn.LayerNorm(5), nn.BatchNorm1d(5)
        )

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.net(observations)


def test_a_users_extractor_follows() -> None:
    model = zoo.make_model("DQN", policy_kwargs={"features_extractor_class": Extractor})
    sp.apply(model, {"q_net.features_extractor.net.0": sp.surgery.remove([0, 3], 5)})
    for network in (model.policy.q_net, model.policy.q_net_target):
        extractor = network.features_extractor
        assert extractor.num_features == 77
        assert extractor.features_dim == 3
        assert extractor.net[1].normalized_shape == (3,)
        assert extractor.net[2].num_features == 3
    zoo.train(model)


@pytest.mark.parametrize("name", ["SAC", "TD3", "TQC", "DQN", "QRDQN"])
def test_refreshing_points_at_the_live_statistics(name: str) -> None:
    kwargs = {"features_extractor_class": Extractor}
    model: Any = zoo.make_model(name, policy_kwargs=kwargs)
    lists = {k: v for k, v in vars(model).items() if "batch_norm_stats" in k}
    assert any(lists.values())
    for key in lists:
        setattr(model, key, [])
    refresh_caches(model)
    for key, expected in lists.items():
        found = getattr(model, key)
        pairs = zip(found, expected, strict=True)
        assert all(a.data_ptr() == b.data_ptr() for a, b in pairs)


def test_models_without_caches_get_none() -> None:
    model = zoo.make_model("PPO")
    refresh_caches(model)
    assert not any("batch_norm_stats" in key for key in vars(model))


UNTOUCHED: dict[str, Callable[[], nn.Module]] = {
    "transposed": lambda: nn.ConvTranspose2d(6, 3, 3),
    "transposed in groups": lambda: nn.ConvTranspose1d(6, 9, 3, groups=3),
    "grouped": lambda: nn.Conv2d(6, 9, 3, groups=3),
    "instances": lambda: nn.InstanceNorm2d(8),
    "instances, affine": lambda: nn.InstanceNorm2d(8, affine=True),
    "batches, bare": lambda: nn.BatchNorm1d(8, affine=False, track_running_stats=False),
    "groups, bare": lambda: nn.GroupNorm(2, 8, affine=False),
}


@pytest.mark.parametrize("kind", UNTOUCHED)
def test_modules_that_a_plan_does_not_touch_stay_as_they_are(kind: str) -> None:
    module = UNTOUCHED[kind]()
    before = {k: v for k, v in vars(module).items() if isinstance(v, int)}
    sync_dimensions(nn.ModuleList([module]))
    assert {k: v for k, v in vars(module).items() if isinstance(v, int)} == before


@pytest.mark.parametrize("named", [False, True])
def test_a_norm_without_tensors_counts_its_channels(named: bool) -> None:
    def run(net: Any, x: torch.Tensor) -> torch.Tensor:
        h = net.c(x[:, None])
        return net.d((net.norm(input=h) if named else net.norm(h)).relu()).flatten(1)

    def build(net: Any) -> None:
        net.c, net.d = nn.Conv1d(1, 8, 2), nn.Conv1d(8, 2, 1)
        net.norm = nn.InstanceNorm1d(8)

    model = extracted(run, build, out=6)
    sp.apply(model, {"features_extractor.c": sp.surgery.remove([0], 8)})
    assert model.policy.features_extractor.norm.num_features == 7


class Halved(nn.Module):
    """Halves a weight."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight / 2


@pytest.mark.parametrize("name", ["PPO", "SAC"])
def test_parametrized_layers_know_their_new_widths(name: str) -> None:
    model = zoo.make_model(name)
    first, second = list(sp.wire(model).values())[:2]
    for layer in (first, second):
        parametrize.register_parametrization(layer.module, "weight", Halved())
    plan = {first.name: sp.surgery.remove([0], first.units)}
    sp.apply(model, plan | {second.name: sp.surgery.remove([1, 2], second.units)})
    made = [(m.out_features, m.in_features) for m in (first.module, second.module)]
    assert made[0][0] == made[1][1] == first.units - 1
    assert made[1][0] == second.units - 2
    assert made == [tuple(m.weight.shape) for m in (first.module, second.module)]
