"""Agents with noise by state, actions of several axes, images, hindsight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import images
import laws
import numpy as np
import pytest
import saving
import torch
import zoo
from cutting import make_constant
from gymnasium import spaces
from stable_baselines3 import PPO, SAC, HerReplayBuffer
from stable_baselines3.common.envs import BitFlippingEnv
from torch import nn
from transplanting.made import Toy

import sb3_prune as sp
from sb3_prune.analysis.reference import random_like
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.exporting.compaction import compact
from sb3_prune.surgery import add, merge, remove, reset, split

# State-dependent noise.

LAST = {"SAC": "actor.latent_pi.2", "PPO": "mlp_extractor.policy_net.2"}
PAIRS = [[k, k + 1] for k in range(0, 10, 2)]


def noisy(name: str, **kwargs: Any) -> Any:
    """Return a model with gSDE and noise of its own for each unit."""
    model = zoo.make_model(
        name, env=zoo.gym.make("Pendulum-v1"), use_sde=True, policy_kwargs=kwargs
    )
    owner = model.policy.actor if name == "SAC" else model.policy
    with torch.no_grad():
        owner.log_std += torch.randn(owner.log_std.shape)
    return model


def spread(model: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the means and standard deviations of actions."""
    observations = torch.as_tensor(zoo.observations(model, 32))
    with torch.no_grad():
        if isinstance(model, SAC):
            mean, log_std, kwargs = model.actor.get_action_dist_params(observations)
            distribution = model.actor.action_dist.proba_distribution(
                mean, log_std, **kwargs
            )
        else:
            distribution = model.policy.get_distribution(observations)
    return distribution.distribution.mean, distribution.distribution.stddev


def proportional(model: Any, gamma: torch.Tensor) -> None:
    """Let every second unit of the last layer say gamma times the one before it."""
    layer = sp.wire(model.policy)[LAST[type(model).__name__]].module
    for tensor in (layer.weight.data, layer.bias.data):
        scale = gamma.reshape(-1, *[1] * (tensor.ndim - 1))
        tensor[1::2] = tensor[0::2] / scale[0::2] * scale[1::2]


@pytest.mark.parametrize("name", LAST)
def test_merging_keeps_the_variance_of_the_noise(name: str) -> None:
    r"""Units :math:`h_n = \gamma_n h` make :math:`h^2 \sum_n \gamma_n^2 \sigma_n^2`."""
    model = noisy(name, activation_fn=nn.ReLU)
    gamma = torch.linspace(0.5, 2.0, 10)
    proportional(model, gamma)
    owner = model.policy.actor if name == "SAC" else model.policy
    squares = (gamma[:, None] * owner.log_std.detach().exp()).square()
    before = spread(model)
    sp.apply(model, {LAST[name]: merge(PAIRS, 10, gamma.tolist())})
    merged = owner.log_std.detach().exp().square()
    torch.testing.assert_close(merged, squares.reshape(5, 2, -1).sum(1))
    zoo.assert_close(list(spread(model)), list(before), 1e-5)
    zoo.train(model)


@pytest.mark.parametrize("name", LAST)
@pytest.mark.parametrize("seed", [None, 1])
def test_new_units_add_no_noise(name: str, seed: int | None) -> None:
    model = noisy(name, activation_fn=nn.Tanh)
    before = spread(model)
    sp.apply(model, {LAST[name]: add(8, 10, seed)})
    zoo.assert_close(list(spread(model)), list(before), 1e-6)
    laws.assert_optimised(model.policy)
    zoo.train(model)


@pytest.mark.parametrize("name", LAST)
def test_removing_units_leaves_the_noise_of_the_others(name: str) -> None:
    model = noisy(name)
    owner = model.policy.actor if name == "SAC" else model.policy
    old = owner.log_std.detach().clone()
    sp.apply(model, {LAST[name]: remove([0, 4], 10)})
    assert torch.equal(owner.log_std, old[[1, 2, 3, 5, 6, 7, 8, 9]])


@pytest.mark.parametrize("name", LAST)
@pytest.mark.parametrize("units", [range(10), [1, 4]], ids=["all", "two"])
def test_a_twin_halves_the_variance_of_each_and_keeps_that_of_both(
    name: str, units: Sequence[int]
) -> None:
    model = noisy(name)
    owner = model.policy.actor if name == "SAC" else model.policy
    old, before = owner.log_std.detach().clone(), spread(model)
    sp.apply(model, {LAST[name]: split(units, 10)})
    zoo.assert_close(list(spread(model)), list(before), 1e-5)
    half = [k for k in range(10) if k in units]
    now, expected = owner.log_std.detach(), old.clone()
    expected[half] += 0.5 * math.log(0.5)
    torch.testing.assert_close(now[:10], expected)
    assert torch.equal(now[10:], now[half])
    alone = [k for k in range(10) if k not in units]
    assert torch.equal(now[alone], old[alone])


NO_SELECTIONS = [merge(PAIRS, 10), add(2, 10), reset([1], 10, 3), split([1], 10)]


@pytest.mark.parametrize("change", NO_SELECTIONS)
def test_noise_with_expln_is_cut_but_not_mixed(change: sp.Change) -> None:
    model = noisy("SAC", use_expln=True)
    why = "use_expln=True: units can only be removed there"
    laws.assert_refused(model.policy, {LAST["SAC"]: change}, why)
    sp.apply(model, {LAST["SAC"]: remove([1], 10)})


# Constants between two plans.

SINGLES = [[k] for k in range(12) if k not in (0, 3)]
STEPS = {
    "merge, remove": (merge([[0, 3], *SINGLES], 12), remove([0], 11)),
    "reset, remove": (reset([0, 3], 12, 1), remove([0, 3], 12)),
    "remove, add": (remove([0, 3], 12), add(2, 10, 3)),
    "remove, remove": (remove([0], 12), remove([2], 11)),
}


@pytest.mark.slow
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("name", ["PPO", "SAC", "DQN"])
def test_constants_move_at_the_step_that_removes_them(name: str, steps: str) -> None:
    """Law 2, where what a removed unit said depends on the step before."""
    twice, once = zoo.copied(name), zoo.copied(name)
    layers = [n for n, la in sp.wire(once).items() if la.units == 12]
    for policy in (twice, once):
        for layer in layers:
            make_constant(sp.wire(policy)[layer], [0, 3])
    a, b = (sp.Plan({layer: step for layer in layers}) for step in STEPS[steps])
    sp.apply(twice, a)
    sp.apply(twice, b)
    sp.apply(once, a.then(b))
    zoo.assert_same(zoo.snapshot(once), zoo.snapshot(twice))


# Actions of several axes.


def panel(*shape: int) -> Toy:
    return Toy(3, spaces.Box(-2, 3, shape))


@pytest.mark.parametrize("name", ["SAC", "TD3", "TQC", "CrossQ", "ValueSAC", "PPO"])
def test_actions_may_have_several_axes(name: str, tmp_path: Path) -> None:
    model: Any = zoo.train(zoo.make_model(name, stock=True, env=panel(2, 2)))
    options = {"final_sparsity": 0.5}
    given: Any = {"episodes": 2, "rounds": 1, "distil_updates": 2}
    sp.prune(model, "reconstruct", options, env=model.get_env(), **given)
    zoo.train(model, 40)
    sp.export(model, "numpy", tmp_path / "agent", vecnormalize=None)
    found = saving.actions(model)
    assert found.shape[1:] == (2, 2)
    assert np.array_equal(saving.actions(compact(model)), found)


@pytest.mark.parametrize("name", ["SAC", "TD3", "PPO"])
def test_agents_are_carried_between_shapes_of_actions(name: str) -> None:
    old: Any = zoo.train(zoo.make_model(name, env=panel(2, 2)))
    sources = [3, 2, 1, 0, None, None]
    new: Any = sp.transplant(old, env=panel(3, 2), actions=sources, play=20)
    ours, theirs = (saving.actions(m).reshape(4, -1) for m in (old, new))
    np.testing.assert_allclose(theirs[:, :4], ours[:, ::-1], atol=1e-5)
    zoo.train(new, 40)


# Images, dictionaries, hindsight.


@pytest.mark.parametrize("policy", ["CnnPolicy", "MultiInputPolicy"])
def test_stock_policies_of_images_are_adopted_and_pruned(policy: str) -> None:
    space = images.IMAGE if policy == "CnnPolicy" else images.BOTH
    env = images.Screen(space, discrete=True)
    model = PPO(policy, env, device="cpu", seed=0, **images.ON)
    options = {"final_sparsity": 0.5, "end": 0.7}
    zoo.train(model, 48, callback=sp.PruningCallback("magnitude", options))
    wiring = sp.wire(model.policy)
    assert any(".cnn." in name for name in wiring)
    assert sum(wiring.units().values()) < sum(model.policy.initial_units.values())
    assert all(layer.gate is not None for layer in wiring.values())
    loaded = saving.reload(model)
    assert np.array_equal(saving.actions(loaded), saving.actions(model))


@pytest.mark.parametrize("name", ["PPO", "SAC", "DQN"])
def test_a_flat_policy_refuses_dictionaries_by_name(name: str) -> None:
    env = images.Screen(images.BOTH, discrete=name != "SAC")
    policy = zoo.CASES[name][1].__name__
    with pytest.raises(
        UnsupportedPolicyError, match=f"^{policy} flattens .*MultiInput"
    ):
        zoo.make_model(name, env=env)


@pytest.fixture(scope="module")
def hindsight() -> SAC:
    """An agent whose buffer relabels goals, pruned."""
    model = SAC(
        sp.MaskedSACMultiInputPolicy,
        BitFlippingEnv(n_bits=4, continuous=True),
        replay_buffer_class=HerReplayBuffer,
        learning_starts=40,
        buffer_size=500,
        device="cpu",
        seed=0,
        policy_kwargs={"net_arch": [12, 10]},
    )
    zoo.train(model, 60)
    sp.prune(model, "magnitude", {"final_sparsity": 0.5})
    return model


def test_an_agent_with_hindsight_is_compacted(hindsight: SAC) -> None:
    plain = compact(hindsight)
    assert type(plain.policy).__name__ == "MultiInputPolicy"
    assert np.array_equal(saving.actions(plain), saving.actions(hindsight))
    zoo.train(plain, 60)


def test_an_agent_with_hindsight_has_a_random_reference(hindsight: SAC) -> None:
    before = zoo.snapshot(hindsight.policy)
    other = random_like(hindsight)
    zoo.assert_same(zoo.snapshot(hindsight.policy), before, identities=True)
    assert sp.wire(other.policy).units() == sp.wire(hindsight.policy).units()
    assert not np.array_equal(saving.actions(other), saving.actions(hindsight))
