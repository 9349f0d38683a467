"""Tests for transplanting/shallower.py."""

from __future__ import annotations

import pytest
import torch
import zoo
from stable_baselines3 import PPO

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.weight_masks import mask_weights
from sb3_prune.transplanting import plan_transplant, transplant, transplant_into
from sb3_prune.transplanting.matching import find_matches
from sb3_prune.transplanting.shallower import find_shallower
from transplanting.made import env_of, trained


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_what_stays_and_what_read_it(name: str) -> None:
    kwargs = {"net_arch": [8]}
    new = zoo.make_model(name, env=env_of(name), policy_kwargs=kwargs)
    matches = find_matches(trained(name).policy, new.policy)
    found = find_shallower(matches)
    assert len(found) == len(matches)
    for each in found:
        assert each.last in each.stays() and each.reader not in each.stays()
        assert (each.last.out_features, each.reader.in_features) == (12, 12)
    assert find_shallower(find_matches(new.policy, new.policy)) == []


def test_one_network_alone() -> None:
    old = trained("PPO")
    arch = {"pi": [12], "vf": [12, 10, 10]}
    report = plan_transplant(old, env=env_of("PPO"), net_arch=arch)
    assert list(report.fits) == ["mlp_extractor.policy_net"]


def test_what_cannot_lose_layers() -> None:
    env = env_of("SAC")
    kwargs = {"net_arch": [8, 8]}
    old = PPO("MlpPolicy", env, policy_kwargs=kwargs, use_sde=True)
    with pytest.raises(TransplantError, match=r"gSDE's noise: it cannot lose"):
        transplant(old, env=env, net_arch=[8])
    masked = zoo.make_model("PPO", env=env_of("PPO"))
    mask_weights(masked, {"action_net": torch.rand(4, 10) > 0.5})
    with pytest.raises(TransplantError, match="masked weights in its output layers"):
        transplant(masked, env=env_of("PPO"), net_arch=[8])
    relu = {"net_arch": [8], "activation_fn": torch.nn.ReLU}
    new = zoo.make_model("PPO", env=env_of("PPO"), policy_kwargs=relu)
    with pytest.raises(TransplantError, match="not begin as before: it was Linear"):
        transplant_into(new, trained("PPO"))
