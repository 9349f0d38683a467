"""Tests for transplanting/carrying.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo
from stable_baselines3 import PPO
from surgery.test_weight_masks import random_masks

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.flow.slots import MASK
from sb3_prune.surgery.weight_masks import mask_weights, masks_of
from sb3_prune.transplanting import InputRules, plan_transplant, transplant
from sb3_prune.transplanting.building import build
from sb3_prune.transplanting.carrying import carry, tensors
from sb3_prune.transplanting.pairing import pair_observations
from sb3_prune.transplanting.planning import plan_changes
from transplanting.made import env_of, trained

MORE, ACTS = (0, 1, 2, 3, 4, None), (0, 1, 2, 3)
FIRST = {
    "DQN": "q_net.q_net.0.weight",
    "SAC": "actor.latent_pi.0.weight",
    "PPO": "mlp_extractor.policy_net.0.weight",
    "A2C": "mlp_extractor.policy_net.0.weight",
}
"""Weights that read observations only."""


def carried(name: str) -> tuple[Any, Any, Any]:
    old = trained(name)
    new = build(old, env_of(name, 6), old.policy_kwargs, 0)
    seen = pair_observations(old.policy, new.policy, MORE)
    plan = plan_changes(old, new, seen, ACTS, InputRules())
    return old, new, carry(old, new, plan, {}, {})


@pytest.mark.parametrize("name", FIRST)
def test_what_became_of_each_tensor_adds_up(name: str) -> None:
    old, new, found = carried(name)
    before, after = tensors(old.policy), tensors(new.policy)
    for path, what in found.items():
        assert what.carried + what.new == after[path].numel()
        assert what.carried + what.dropped == before[path].numel()
    assert found[FIRST[name]].new == 12


def test_other_networks() -> None:
    old = trained("PPO")
    new = zoo.make_model("PPO", env=env_of("PPO"), policy_kwargs={"net_arch": [12, 11]})
    seen = pair_observations(old.policy, old.policy, None)
    plan = plan_changes(old, old, seen, ACTS, InputRules())
    before = {k: t.clone() for k, t in tensors(new.policy).items()}
    with pytest.raises(TransplantError, match="would have the shape"):
        carry(old, new, plan, {}, {})
    zoo.assert_same(tensors(new.policy), before)
    sac = zoo.make_model("SAC", env=env_of("SAC"))
    with pytest.raises(TransplantError, match="Only one of the agents has"):
        carry(old, sac, plan, {}, {})


def test_new_units_bring_no_noise_of_gsde() -> None:
    env = env_of("SAC")
    kwargs = {"net_arch": [8]}
    old = PPO("MlpPolicy", env, use_sde=True, policy_kwargs=kwargs)
    new: Any = transplant(old, env=env, net_arch=[64])
    seen = torch.linspace(-1, 1, 5)[None]
    one, other = (
        m.policy.get_distribution(seen).distribution.stddev for m in (old, new)
    )
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", [n for n in zoo.ALGORITHMS if n != "TRPO"])
def test_masked_weights_stay_masked(name: str) -> None:
    old = zoo.make_model(name, env=env_of(name))
    mask_weights(old, random_masks(old.policy))
    zoo.train(old, 96)
    given = {"observations": [4, None, 0, 1, 3, 2, 4], "net_arch": [14, 8]}
    new = transplant(old, env=env_of(name, 7), **given)
    masks = masks_of(new.policy)
    assert masks.keys() == masks_of(old.policy).keys()
    for path, mask in masks.items():
        assert mask.shape == new.policy.get_submodule(path).weight.shape
    zoo.train(new, 96)
    for path, mask in masks.items():
        weight: Any = new.policy.get_submodule(path).weight
        assert not bool(weight[mask == 0].any())
    back = transplant(
        transplant(old, env=env_of(name), net_arch=[14, 11]),
        env=env_of(name),
        net_arch=[12, 10],
    )
    assert masks_of(back.policy).keys() == masks.keys()


def test_a_mask_follows_its_weight() -> None:
    old = zoo.make_model("PPO", env=env_of("PPO"))
    mask_weights(old, random_masks(old.policy))
    new = transplant(old, env=env_of("PPO", 6), observations=[4, None, 0, 1, 3, 2])
    path = "mlp_extractor.policy_net.0"
    before, after = masks_of(old.policy)[path], masks_of(new.policy)[path]
    assert torch.equal(after[:, [2, 3, 5, 4, 0]], before)
    assert bool(after[:, 1].all())
    same = transplant(old, env=env_of("PPO"))
    zoo.assert_same(tensors(same.policy), tensors(old.policy))


def test_what_is_carried_twice_does_not_stand_for_what_is_gone() -> None:
    """Two of five observations are gone, although as many are read as before."""
    old = trained("PPO")
    report = plan_transplant(old, env=env_of("PPO"), observations=[0, 0, 0, 1, 2])
    what = report.tensors[FIRST["PPO"]]
    units = tensors(old.policy)[FIRST["PPO"]].shape[0]
    assert (what.carried, what.new, what.dropped) == (5 * units, 0, 2 * units)


def test_masks_of_new_entries_are_counted_as_new() -> None:
    old = zoo.make_model("PPO", env=env_of("PPO"))
    mask_weights(old, random_masks(old.policy))
    report = plan_transplant(old, env=env_of("PPO", 6), observations=MORE)
    found = {p: t for p, t in report.tensors.items() if p.endswith(MASK)}
    weight = FIRST["PPO"]
    (mask,) = [t for p, t in found.items() if p.startswith(weight.rpartition(".")[0])]
    assert mask == report.tensors[weight]
