"""Tests for reference.py."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.utils.prune
from sb3_contrib.common.torch_layers import BatchRenorm
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn
from zoo import ALGORITHMS, WITH_TARGETS, actions, make_model, random_plan, trained

import sb3_prune as sp
from sb3_prune.analysis import random_like
from sb3_prune.analysis.reference import _check_drawn, _draw, _moved
from sb3_prune.exceptions import ConfigError, UnsupportedPolicyError
from sb3_prune.surgery import wire
from sb3_prune.surgery.weight_masks import mask_weights


def weights(model: sp.surgery.Wiring) -> list[torch.Tensor]:
    return [layer.incoming().clone() for layer in model.values()]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_copy_has_the_same_shape_and_other_weights(name: str) -> None:
    model = trained(name)
    before = {k: v.clone() for k, v in model.policy.state_dict().items()}
    twin = random_like(model)
    assert type(twin) is type(model)
    assert wire(twin.policy).units() == wire(model.policy).units()
    for layer, old in zip(
        wire(twin.policy).values(), wire(model.policy).values(), strict=True
    ):
        assert not torch.equal(layer.incoming(), old.incoming())
        if not isinstance(layer.module, torch.nn.Linear):
            continue
        weight = layer.module.weight.detach()
        bound = (6 / sum(weight.shape)) ** 0.5
        assert not torch.equal(weight, old.module.weight)
        assert 0.8 * bound < float(weight.abs().max()) <= bound
        assert not layer.module.bias.detach().any()
    after = model.policy.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    actions(twin)


@pytest.mark.parametrize("name", WITH_TARGETS)
def test_targets_are_copies(name: str) -> None:
    for layer in wire(random_like(trained(name)).policy).values():
        if layer.target is not None:
            assert torch.equal(layer.module.weight, layer.target.module.weight)


def test_seeds_are_reproducible_and_random_states_stay() -> None:
    model = trained("SAC")
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    one, same, other = (random_like(model, seed) for seed in (1, 1, 2))
    assert random.getstate() == states[0]
    assert np.array_equal(np.random.get_state()[1], states[1])
    assert torch.equal(torch.get_rng_state(), states[2])
    assert np.array_equal(actions(one), actions(same))
    assert not np.array_equal(actions(one), actions(other))


def test_everything_else_is_drawn_anew() -> None:
    model = trained("RecurrentPPO")
    twin = random_like(model)
    for old, new in zip(model.policy.modules(), twin.policy.modules(), strict=True):
        if isinstance(new, nn.LSTM):
            assert not torch.equal(old.weight_hh_l0, new.weight_hh_l0)
    for module in random_like(trained("CrossQ")).policy.modules():
        if isinstance(module, BatchRenorm):
            assert bool((module.ra_var == 1).all())
            assert not bool(module.ra_mean.any())


def test_pruned_agents_have_small_copies() -> None:
    model = random_like(trained("TD3"))
    sp.apply(model, random_plan(model.policy))
    assert wire(random_like(model).policy).units() == wire(model.policy).units()


@pytest.mark.parametrize("seed", [-1, "a"])
def test_impossible_seeds_are_refused(seed: Any) -> None:
    with pytest.raises(ConfigError, match="seed must be"):
        random_like(trained("DQN"), seed)


def test_masked_weights_stay_zero() -> None:
    model = make_model("SAC")
    mask = torch.rand(model.policy.actor.mu.weight.shape) < 0.5
    mask_weights(model, {"actor.mu": mask})
    twin = random_like(model)
    weight = twin.policy.actor.mu.weight
    assert torch.equal(weight != 0, mask)


class Attentive(BaseFeaturesExtractor):
    """Attention, and at will a matrix of its own."""

    def __init__(self, space: Any, *, bare: bool) -> None:
        super().__init__(space, 8)
        self.embed = nn.Linear(1, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.matrix = nn.Parameter(torch.eye(8)) if bare else torch.eye(8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return features."""
        h = self.embed(x[..., None])
        return self.attention(h, h, h)[0].mean(1) @ self.matrix


def attentive(bare: bool) -> PPO:
    given = {"features_extractor_kwargs": {"bare": bare}, "net_arch": [6]}
    kwargs = {"features_extractor_class": Attentive, **given}
    return PPO("MlpPolicy", "CartPole-v1", policy_kwargs=kwargs, device="cpu", seed=0)


def test_attention_is_drawn_anew() -> None:
    model = attentive(bare=False)
    old = dict(model.policy.named_parameters())
    weights = {n: p for n, p in random_like(model).policy.named_parameters()}
    same = [n for n, p in weights.items() if torch.equal(p, old[n]) and p.any()]
    assert same == []


def test_parameters_that_would_stay_learnt_are_refused() -> None:
    with pytest.raises(UnsupportedPolicyError, match=r"draw .*extractor.matrix.* anew"):
        random_like(attentive(bare=True))


WRAPS: dict[str, Any] = {
    "weight_norm": nn.utils.parametrizations.weight_norm,
    "spectral_norm": nn.utils.parametrizations.spectral_norm,
    "prune": lambda layer: nn.utils.prune.random_unstructured(layer, "weight", 0.3),
}


@pytest.mark.parametrize("name", WRAPS)
def test_a_reset_that_draws_only_a_copy_is_no_reset(name: str) -> None:
    model = attentive(bare=False)
    WRAPS[name](model.policy.features_extractor.embed)
    moved = _moved(model.policy)
    _draw(model.policy)
    with pytest.raises(UnsupportedPolicyError, match=r"features_extractor.embed.*anew"):
        _check_drawn(moved, model.policy)


def test_a_random_agent_can_be_drawn_once_more() -> None:
    twin = random_like(trained("DQN"), 1)
    again = random_like(twin, 1)
    assert np.array_equal(actions(again), actions(twin))
