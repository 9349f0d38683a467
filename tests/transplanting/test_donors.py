"""Tests for transplanting/donors.py: bare tensors do what the whole agent does."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zoo
from gymnasium import spaces
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import sb3_prune as sp
from sb3_prune.exceptions import CheckpointError, NonFiniteError, TransplantError
from sb3_prune.surgery.weight_masks import mask_weights
from sb3_prune.transplanting import NewActions, transplant_into, transplant_weights
from sb3_prune.transplanting.carrying import tensors
from sb3_prune.transplanting.donors import ANEW, UNMASKED
from transplanting.made import OBSERVATIONS, Toy, env_of, trained

MORE = (3, None, 0, 1, None, 4, 2)
ACTS = (2, 0, None, 3, 1)
BOTH: dict[str, Any] = {
    **{"observations": MORE, "actions": ACTS},
    "new_actions": NewActions(rule="zero"),
}


def made(name: str, *sizes: int, **kwargs: Any) -> Any:
    """Return an untrained agent; equal calls return equal ones."""
    return zoo.make_model(name, env=env_of(name, *sizes), seed=3, **kwargs)


def assert_like(one: Any, other: Any) -> None:
    zoo.assert_same(tensors(one.policy), tensors(other.policy))


# Laws.


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_the_same_spaces_are_the_identity(name: str) -> None:
    old, new = trained(name), made(name)
    report = transplant_weights(new, old.policy.state_dict())
    assert_like(new, old)
    assert (report.new, report.dropped, report.moved) == (0, 0, 0.0)
    assert report.left[-1] == ANEW and report.states == "draws from the space"


@pytest.mark.parametrize("name", [n for n in zoo.ALGORITHMS if n != "BranchingDQN"])
def test_bare_tensors_give_what_the_whole_agent_gives(name: str) -> None:
    old = trained(name)
    wider: dict[str, Any] = {"policy_kwargs": {"net_arch": [20, 17]}}
    new, same = (made(name, 7, 5, **wider) for _ in range(2))
    transplant_into(same, old, **BOTH)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    report = transplant_weights(new, old.policy.state_dict(), **BOTH)
    assert torch.equal(torch.get_rng_state(), before)
    assert_like(new, same)
    assert report.observations == MORE and report.actions == ACTS
    zoo.train(new, 96)


KINDS = [(name, False) for name in zoo.ALGORITHMS]
KINDS += [(name, True) for name in zoo.ALGORITHMS if name != "BranchingDQN"]


@pytest.mark.parametrize(("name", "stock"), KINDS)
def test_a_pruned_agent_is_read_by_its_shapes(name: str, stock: bool) -> None:
    old = zoo.make_model(name, env=env_of(name))
    sp.apply(old, zoo.random_plan(old.policy))
    new = made(name, stock=stock)
    transplant_weights(new, old.policy.state_dict())
    inputs = zoo.observations(old)
    expected = old.predict(inputs, deterministic=True)[0]
    found = new.predict(inputs, deterministic=True)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def gates(policy: Any) -> list[Any]:
    twins = [t for layer in sp.wire(policy).values() for t in layer.with_targets()]
    return [(t.gate, t.like.detach()) for t in twins if t.gate is not None]


@pytest.mark.parametrize("name", ["DQN", "SAC", "PPO", "CrossQ"])
@pytest.mark.parametrize("stock", [True, False])
def test_closed_gates_and_thetas_are_part_of_it(name: str, stock: bool) -> None:
    old = zoo.make_model(name, env=env_of(name))
    sp.mask(old, zoo.random_plan(old.policy))
    for gate, like in gates(old.policy):
        gate.learn(like)
        gate.theta.data.uniform_(0.2, 1.0)
        gate.drawn = False
    new = made(name, stock=stock)
    transplant_weights(new, old.policy.state_dict())
    assert all(gate.expected is None for gate, _ in gates(new.policy))
    inputs = zoo.observations(old)
    expected = old.predict(inputs, deterministic=True)[0]
    found = new.predict(inputs, deterministic=True)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_masked_weights_are_zeros_that_learn() -> None:
    old = zoo.make_model("DQN", env=env_of("DQN"))
    weight = old.policy.q_net.q_net[0].weight
    kept = torch.rand(weight.shape) > 0.5
    mask_weights(old, {"q_net.q_net.0": kept})
    new = made("DQN", stock=True)
    report = transplant_weights(new, old.policy.state_dict())
    assert torch.equal(
        new.policy.q_net.q_net[0].weight, old.policy.q_net.q_net[0].weight
    )
    assert report.left[-1] == UNMASKED
    zoo.train(new, 96)
    assert bool((new.policy.q_net.q_net[0].weight[~kept] != 0).any())


def test_another_number_of_layers_is_told() -> None:
    old = made("PPO")
    new = made("PPO", policy_kwargs={"net_arch": [20, 17, 17]})
    state = old.policy.state_dict()
    with pytest.raises(TransplantError, match=r"missing are \['mlp.*give net_arch="):
        transplant_weights(new, state)
    report = transplant_weights(new, state, net_arch=[1, 1])
    assert report.moved < 0.02 and report.dropped == 0


def images(channels: int) -> Any:
    env = Toy(1, spaces.Discrete(3))
    env.observation_space = spaces.Box(0, 255, (channels, 36, 36), np.uint8)
    env._observe = env.observation_space.sample  # type: ignore[method-assign]
    return env


def test_images_of_equal_shapes() -> None:
    narrow = {"features_extractor_kwargs": {"features_dim": 24}, "net_arch": [8]}
    kwargs = {"device": "cpu", "n_steps": 8, "batch_size": 8}
    old = PPO("CnnPolicy", images(3), policy_kwargs=narrow, seed=0, **kwargs)
    wide = {"features_extractor_kwargs": {"features_dim": 32}, "net_arch": [12]}
    new = PPO("CnnPolicy", images(3), policy_kwargs=wide, seed=1, **kwargs)
    report = transplant_weights(new, old.policy.state_dict())
    assert report.moved < 1e-6 and report.dropped == 0
    other = PPO("CnnPolicy", images(4), policy_kwargs=wide, seed=1, **kwargs)
    with pytest.raises(TransplantError, match=r"size mismatch.*observation_space="):
        transplant_weights(other, old.policy.state_dict())


def test_choices_that_are_observed_are_counted() -> None:
    def made_of(count: int) -> Any:
        env = Toy(1, spaces.Discrete(3))
        env.observation_space = spaces.Discrete(count)  # type: ignore[assignment]
        return zoo.make_model("DQN", env=env, stock=True)

    old, new = made_of(4), made_of(6)
    some = [3, None, 0, 1, None, 2]
    report = transplant_weights(new, old.policy.state_dict(), observations=some)
    assert report.observations == tuple(some) and report.moved < 1e-6


def test_bounds_are_those_of_the_new_agent() -> None:
    old = trained("SAC")
    new = zoo.make_model(
        "SAC", env=Toy(OBSERVATIONS, spaces.Box(-2, 2, (5,), np.float32))
    )
    report = transplant_weights(new, old.policy.state_dict(), actions=ACTS)
    assert report.left == (ANEW,)
    bounds = spaces.Box(np.arange(-6, -1), np.arange(1, 6), dtype=np.float32)
    odd = zoo.make_model("SAC", env=Toy(OBSERVATIONS, bounds))
    with pytest.raises(
        TransplantError, match=r"4 actions, the new one 5.*action_space="
    ):
        transplant_weights(odd, old.policy.state_dict(), actions=ACTS)
    given = {"action_space": old.action_space, "actions": ACTS}
    with pytest.warns(UserWarning, match="other bounds"):
        transplant_weights(odd, old.policy.state_dict(), **given)


def test_branches_have_to_be_told() -> None:
    old = trained("BranchingDQN")
    new = made("BranchingDQN", OBSERVATIONS, 5)
    acts = {"actions": [0, 1, None, 2, 3]}
    with pytest.raises(TransplantError, match="of a MultiDiscrete: give action_space="):
        transplant_weights(new, old.policy.state_dict(), **acts)
    space = old.action_space
    report = transplant_weights(
        new, old.policy.state_dict(), **acts, action_space=space
    )
    assert report.actions == (0, 1, None, 2, 3)


@pytest.mark.parametrize("count", [3, 5])
def test_switches_with_two_outputs_each_are_counted(count: int) -> None:
    old, new = (
        MaskablePPO("MlpPolicy", Toy(5, spaces.MultiBinary(n)), seed=n)
        for n in (3, count)
    )
    more = [*range(3), None, None][:count]
    report = transplant_weights(new, old.policy.state_dict(), actions=more)
    assert report.actions == tuple(more)
    assert report.moved < 1e-6  # Products of other widths may round differently.
    ours, theirs = (m.policy.action_net.weight for m in (old, new))
    assert torch.equal(theirs[:6], ours)


def test_quantiles_are_those_of_the_new_agent() -> None:
    """Shapes tell their number times that of actions."""
    four, eight = ({"policy_kwargs": {"n_quantiles": n}} for n in (4, 8))
    old, new = made("QRDQN", 5, 2, **eight), made("QRDQN", 5, 4, **four)
    state = old.policy.state_dict()
    given = {"action_space": old.action_space, "actions": [0, 1, None, None]}
    with pytest.raises(TransplantError, match="size mismatch for quantile_net"):
        transplant_weights(new, state, **given)
    transplant_weights(new, state)


def test_statistics_come_from_a_file(tmp_path: Path) -> None:
    def normal(size: int) -> VecNormalize:
        return VecNormalize(DummyVecEnv([lambda: env_of("PPO", size)]))

    old = zoo.train(zoo.make_model("PPO", env=normal(5)), 96)
    env: Any = old.get_env()
    env.save(str(tmp_path / "statistics.pkl"))
    state = old.policy.state_dict()
    with pytest.raises(TransplantError, match="weights hold no statistics"):
        transplant_weights(zoo.make_model("PPO", env=normal(5)), state)
    for given in (env, tmp_path / "statistics.pkl", str(tmp_path / "statistics.pkl")):
        new = zoo.make_model("PPO", env=normal(7))
        transplant_weights(new, state, observations=MORE, vecnormalize=given)
        theirs: Any = new.get_vec_normalize_env()
        assert theirs.obs_rms.mean[0] == env.obs_rms.mean[3] != 0
        assert theirs.ret_rms.var == env.ret_rms.var
    assert env.venv is not None
    for odd, kind, message in (
        (3, TransplantError, "must be a VecNormalize or the path"),
        (tmp_path / "none.pkl", CheckpointError, "No such file"),
        (normal(4), CheckpointError, "observations of Box"),
        (normal(5), TransplantError, "have seen no observations"),
    ):
        new = zoo.make_model("PPO", env=normal(5))
        with pytest.raises(kind, match=message):
            transplant_weights(new, state, vecnormalize=odd)
    env.obs_rms.var[2] = np.nan
    env.save(str(tmp_path / "damaged.pkl"))
    for broken in (env, tmp_path / "damaged.pkl"):
        new = zoo.make_model("PPO", env=normal(5))
        with pytest.raises(NonFiniteError, match="vecnormalize has NaN"):
            transplant_weights(new, state, vecnormalize=broken)


# Errors: a refused transplant leaves the new agent untouched.


REFUSED: dict[str, tuple[str, tuple[int, ...], dict[str, Any], str]] = {
    "algorithm": ("DQN", (5, 4), {}, "unknown are .*latent_pi"),
    "sizes": ("SAC", (6, 4), {}, "has 5 observations, the new one 6"),
    "actions": ("SAC", (5, 3), {}, "has 4 actions, the new one 3"),
    "critics": ("TD3", (5, 4), {}, "missing are"),
    "quantiles": ("TQC", (5, 4), {}, "The weights do not fit MaskedTQCPolicy"),
    "map": ("SAC", (5, 4), {"observations": [0]}, "missing: .1, 2, 3, 4."),
    "space": (
        *("SAC", (5, 4)),
        {"observation_space": spaces.Box(-1, 1, (6,))},
        "size mismatch for actor.latent_pi.0.weight",
    ),
    "odd space": (
        "SAC",
        (5, 4),
        {"action_space": spaces.Discrete(3)},
        "cannot be built",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case: str) -> None:
    name, sizes, given, message = REFUSED[case]
    new = made(name, *sizes)
    before = zoo.snapshot(new.policy)
    with pytest.raises(TransplantError, match=message):
        transplant_weights(new, trained("SAC").policy.state_dict(), **given)
    zoo.assert_same(zoo.snapshot(new.policy), before, identities=True)


def test_single_tensors_that_do_not_fit_are_named() -> None:
    state = dict(trained("SAC").policy.state_dict())
    new = made("SAC")
    before = zoo.snapshot(new.policy)
    lost = copy.copy(state)
    del lost["actor.mu.bias"]
    lost["mine"] = torch.zeros(2)
    with pytest.raises(
        TransplantError, match=r"missing are \['actor.mu.bias'\], unkn.*mine"
    ):
        transplant_weights(new, lost)
    odd = {**state, "actor.mu.bias": torch.zeros(2)}
    with pytest.raises(TransplantError, match=r"size mismatch for actor.mu.bias"):
        transplant_weights(new, odd)
    learnt = zoo.train(made("SAC"), 96)
    assert isinstance(learnt, SAC)
    with pytest.raises(TransplantError, match="has learnt already"):
        transplant_weights(learnt, state)
    zoo.assert_same(zoo.snapshot(new.policy), before, identities=True)
