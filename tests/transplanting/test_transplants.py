"""Tests for transplanting/transplants.py: laws over all algorithms, and errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import saving
import torch
import zoo
from gymnasium import spaces
from laws import assert_optimised
from sb3_contrib import MaskablePPO
from stable_baselines3 import A2C, PPO, SAC
from stable_baselines3.common.env_util import make_vec_env

import sb3_prune as sp
from sb3_prune import surgery
from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.transplanting import plan_transplant, transplant, transplant_into
from sb3_prune.transplanting.carrying import tensors
from transplanting.made import OBSERVATIONS, Toy, env_of, trained

MORE = (3, None, 0, 1, None, 4, 2)
"""Seven observations, five of which are old."""
ACTS = (2, 0, None, 3, 1)
"""Five actions, four of which are old."""


def seen(count: int = 64, width: int = OBSERVATIONS) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (count, width)).astype(np.float32)


def acts(model: Any, observations: np.ndarray) -> np.ndarray:
    chosen, _ = model.predict(observations, deterministic=True)
    return np.asarray(chosen)


def states(model: Any) -> list[torch.Tensor]:
    """Return everything that the optimisers of a model remember."""
    return [
        value
        for optimizer in optimizers(model).values()
        for group in optimizer.param_groups
        for parameter in group["params"]
        for value in optimizer.state.get(parameter, {}).values()
        if isinstance(value, torch.Tensor)
    ]


# Laws.


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_the_same_spaces_are_the_identity(name: str) -> None:
    old = trained(name)
    new = transplant(old, env=env_of(name), seed=7)
    assert type(new) is type(old) and new is not old
    zoo.assert_same(tensors(new.policy), tensors(old.policy))
    assert zoo.equal(states(new), states(old))
    assert states(new) or name == "TRPO"
    report = plan_transplant(old, env=env_of(name))
    assert (report.new, report.dropped, report.moved) == (0, 0, 0.0)
    assert report.carried == sum(t.numel() for t in tensors(old.policy).values())


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_permuted_observations_give_the_same_behaviour(name: str) -> None:
    old, order = trained(name), [3, 0, 4, 1, 2]
    new = transplant(old, env=env_of(name), observations=order)
    zoo.assert_close(acts(new, seen()[:, order]), acts(old, seen()), 1e-5)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_new_observations_are_not_read_yet_but_learn(name: str) -> None:
    old = trained(name)
    new = transplant(old, env=env_of(name, 7), observations=MORE)
    wide = seen(width=7)
    same = np.empty((64, OBSERVATIONS), np.float32)
    for place, source in enumerate(MORE):
        if source is not None:
            same[:, source] = wide[:, place]
    if name != "CrossQ":  # Its first normalisation knows nothing of new inputs.
        zoo.assert_close(acts(new, wide), acts(old, same), 1e-5)
    before = {k: t.clone() for k, t in tensors(new.policy).items()}
    zoo.train(new, 96)
    moved = [k for k, t in tensors(new.policy).items() if not torch.equal(t, before[k])]
    assert moved
    assert_optimised(new.policy)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_there_and_back_on_a_superset_is_the_identity(name: str) -> None:
    old = trained(name)
    new = transplant(old, env=env_of(name, 7), observations=MORE)
    back = [MORE.index(place) for place in range(OBSERVATIONS)]
    again = transplant(new, env=env_of(name), observations=back)
    zoo.assert_same(tensors(again.policy), tensors(old.policy))
    assert zoo.equal(states(again), states(old))


@pytest.mark.parametrize(
    "name", [n for n in zoo.ALGORITHMS if n not in ("BranchingDQN",)]
)
def test_old_actions_stay_what_they_were(name: str) -> None:
    old = trained(name)
    new = transplant(old, env=env_of(name, actions=5), actions=ACTS)
    before, after = acts(old, seen()), acts(new, seen())
    if isinstance(old.action_space, spaces.Box):
        for place, source in enumerate(ACTS):
            if source is not None:
                zoo.assert_close(after[:, place], before[:, source], 1e-5)
    else:  # New ones are rare, or below all others.
        assert [ACTS[action] for action in after] == before.tolist()
    zoo.train(new, 96)


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_wider_networks_say_the_same(name: str) -> None:
    old = trained(name)
    arch = [20, 17]
    report = plan_transplant(old, env=env_of(name), net_arch=arch)
    assert report.moved < 1e-6 and report.new > 0 == report.dropped
    new = transplant(old, env=env_of(name), net_arch=arch)
    zoo.assert_close(acts(new, seen()), acts(old, seen()), 1e-5)
    grown = {n: sp.keep(range(k), 20) for n, k in sp.wire(old).units().items()}
    for layer in list(grown):
        units = sp.wire(new).units()[layer]
        grown[layer] = sp.keep(range(sp.wire(old).units()[layer]), units)
    sp.apply(new, grown)
    zoo.assert_same(tensors(new.policy), tensors(old.policy))
    assert zoo.equal(states(new), states(old))


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_a_pruned_agent_keeps_its_widths(name: str) -> None:
    old = zoo.train(zoo.make_model(name, env=env_of(name)), 96)
    sp.prune(old, "magnitude", {"final_sparsity": 0.5, "compensate": False})
    new = transplant(old, env=env_of(name))
    zoo.assert_same(tensors(new.policy), tensors(old.policy))
    zoo.train(new, 96)


@pytest.mark.parametrize("name", ["PPO", "SAC", "DQN"])
def test_a_transplanted_agent_is_saved_and_loaded(name: str, tmp_path: Path) -> None:
    env = env_of(name, 7, 5)
    new = transplant(trained(name), env=env, observations=MORE, actions=ACTS)
    new.save(tmp_path / "new.zip")
    again = type(new).load(tmp_path / "new.zip", env=env)
    assert np.array_equal(acts(new, seen(width=7)), acts(again, seen(width=7)))


# Details.


def test_target_entropy_is_that_of_the_new_actions() -> None:
    old: Any = trained("SAC")
    new: Any = transplant(old, env=env_of("SAC", actions=5), actions=ACTS)
    assert (old.target_entropy, new.target_entropy) == (-4.0, -5.0)
    assert torch.equal(new.log_ent_coef, old.log_ent_coef)


def test_into_a_model_with_other_hyperparameters() -> None:
    old: Any = trained("PPO")
    kwargs = {"net_arch": [16, 16]}
    new = PPO(type(old.policy), env_of("PPO"), gamma=0.5, policy_kwargs=kwargs)
    assert transplant_into(new, old).moved < 1e-6
    assert new.gamma == 0.5


def test_stock_policies() -> None:
    old = A2C("MlpPolicy", env_of("A2C"), n_steps=8).learn(64)
    new = transplant(old, env=env_of("A2C", 7), observations=MORE)
    assert new.policy.observation_space.shape == (7,)


@pytest.mark.parametrize(
    ("space", "new", "actions"),
    [
        (spaces.MultiDiscrete([2, 3]), spaces.MultiDiscrete([3, 3, 2]), None),
        (spaces.MultiBinary(3), spaces.MultiBinary(4), [0, 1, 2, None]),
        (spaces.MultiDiscrete([2, 3]), spaces.MultiDiscrete([3, 2]), [3, 2, 4, 1, 0]),
    ],
)
def test_other_kinds_of_actions(space: Any, new: Any, actions: Any) -> None:
    old = PPO("MlpPolicy", Toy(3, space), n_steps=32, batch_size=16).learn(64)
    given = actions or [0, 1, None, 2, 3, 4, None, None]
    made = transplant(old, env=Toy(3, new), actions=given)
    assert acts(made, seen(4, 3)).shape[0] == 4
    zoo.train(made, 64)


# Errors.


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"env": env_of("PPO", 7)}, "has 5 observations, the new one 7"),
        ({"env": env_of("PPO", actions=5)}, "has 4 actions, the new one 5"),
        ({"env": env_of("SAC")}, "Discrete cannot be mapped to those of Box"),
        ({"env": env_of("PPO"), "net_arch": []}, "would have none: one has to stay"),
        ({"env": make_vec_env("CartPole-v1")}, "5 observations, the new one 4"),
    ],
)
def test_what_cannot_be_carried(given: Any, why: str) -> None:
    old = trained("PPO")
    before = {k: t.clone() for k, t in tensors(old.policy).items()}
    with pytest.raises(TransplantError, match=why):
        transplant(old, **given)
    zoo.assert_same(tensors(old.policy), before)


def test_vectors_and_dictionaries() -> None:
    class Named(Toy):
        def __init__(self) -> None:
            super().__init__(OBSERVATIONS, spaces.Discrete(4))
            self.observation_space = spaces.Dict({"a": self.observation_space})

    with pytest.raises(TransplantError):
        transplant(trained("PPO"), env=Named())
    old = PPO("MultiInputPolicy", Named(), n_steps=32, batch_size=16)
    with pytest.raises(TransplantError):
        transplant(old, env=env_of("PPO"))


def test_closed_units() -> None:
    old = SAC(sp.MaskedSACPolicy, env_of("SAC"), policy_kwargs={"net_arch": [8, 8]})
    sp.mask(old, {"actor.latent_pi.0": sp.keep(range(4), 8)})
    with pytest.raises(TransplantError, match=r"Some units of .* are closed"):
        transplant(old, env=env_of("SAC"))


@pytest.mark.parametrize("cls", [PPO, MaskablePPO])
def test_choices_of_several_branches_are_not_mixed(cls: Any) -> None:
    old = cls(
        "MlpPolicy", Toy(5, spaces.MultiDiscrete([2, 3])), n_steps=8, batch_size=8
    )
    env = Toy(5, spaces.MultiDiscrete([3, 2]))
    before = zoo.snapshot(old.policy)
    names = {"old": ["a", "b", "c", "d", "e"], "new": ["a", "c", "d", "b", "e"]}
    for actions in ([0, 2, 3, 1, 4], names):
        with pytest.raises(TransplantError, match="old branches"):
            transplant(old, env=env, actions=actions)
    names["new"] = ["c", "d", "e", "b", "a"]
    new = transplant(old, env=env, actions=names)
    ours, theirs = (m.policy.action_net.weight for m in (old, new))
    assert torch.equal(theirs, ours[[2, 3, 4, 1, 0]])
    zoo.assert_same(zoo.snapshot(old.policy), before)


def test_a_stock_agent_that_surgery_has_cut_becomes_one_that_loads() -> None:
    old = zoo.train(zoo.make_model("PPO", env=env_of("PPO"), stock=True))
    surgery.apply(old, zoo.random_plan(old.policy))
    new = transplant(old, env=env_of("PPO", 7), observations=MORE)
    assert sp.wire(new).units() == sp.wire(old).units()
    assert set(sp.wire(new).built.values()) == set(zoo.ARCH)
    assert sp.wire(saving.reload(new)).units() == sp.wire(old).units()
