"""Tests for transplanting/carrying.py."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import zoo
from stable_baselines3 import PPO, SAC

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.transplanting import transplant, transplant_into
from sb3_prune.transplanting.building import build
from sb3_prune.transplanting.carrying import SQUARES, carry, tensors
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
    return old, new, carry(old, new, plan_changes(old, new, seen, ACTS))


@pytest.mark.parametrize("name", FIRST)
def test_what_became_of_each_tensor_adds_up(name: str) -> None:
    old, new, found = carried(name)
    before, after = tensors(old.policy), tensors(new.policy)
    for path, what in found.items():
        assert what.carried + what.new == after[path].numel()
        assert what.carried + what.dropped == before[path].numel()
    assert found[FIRST[name]].new == 12


@pytest.mark.parametrize("name", FIRST)
def test_moments_of_carried_weights_stay_and_new_ones_are_careful(name: str) -> None:
    old, new, _ = carried(name)
    states = [
        next(
            optimizer.state[parameter]
            for optimizer in optimizers(model).values()
            for parameter in optimizer.state
            if parameter is dict(model.policy.named_parameters())[FIRST[name]]
        )
        for model in (old, new)
    ]
    for key, value in states[0].items():
        now = states[1][key]
        if not isinstance(value, torch.Tensor) or value.ndim == 0:
            assert zoo.equal(now, value)
            continue
        assert torch.equal(now[:, :5], value)
        expected = value.mean() if key in SQUARES else torch.tensor(0.0)
        torch.testing.assert_close(now[:, 5], expected.expand(12))


@pytest.mark.parametrize("name", ["DQN", "SAC", "PPO"])
def test_the_first_step_of_a_new_weight_is_no_leap(name: str) -> None:
    _, new, _ = carried(name)
    weight = dict(new.policy.named_parameters())[FIRST[name]]
    optimizer: Any = next(
        o
        for o in optimizers(new).values()
        if any(weight is p for g in o.param_groups for p in g["params"])
    )
    optimizer.zero_grad()
    scale = optimizer.state[weight]["exp_avg_sq"][:, 5].sqrt().max()
    weight.grad = torch.zeros_like(weight)
    weight.grad[:, 5] = scale  # As large as usual.
    before = weight.detach().clone()
    optimizer.step()
    moved = (weight.detach() - before)[:, 5].abs().max()
    assert 0 < moved <= optimizer.param_groups[0]["lr"]


def test_other_networks() -> None:
    old = trained("PPO")
    new = zoo.make_model("PPO", env=env_of("PPO"), policy_kwargs={"net_arch": [12, 11]})
    seen = pair_observations(old.policy, old.policy, None)
    plan = plan_changes(old, old, seen, ACTS)
    before = {k: t.clone() for k, t in tensors(new.policy).items()}
    with pytest.raises(TransplantError, match="would have the shape"):
        carry(old, new, plan)
    zoo.assert_same(tensors(new.policy), before)
    sac = zoo.make_model("SAC", env=env_of("SAC"))
    with pytest.raises(TransplantError, match="Only one of the agents has"):
        carry(old, sac, plan)


def test_the_coefficient_of_entropy_and_its_optimiser_come_along() -> None:
    old: Any = trained("SAC")
    new: Any = transplant(old, env=env_of("SAC"))
    pair = [m.ent_coef_optimizer.state_dict()["state"] for m in (old, new)]
    assert pair[0] and zoo.equal(*pair)
    assert torch.equal(new.log_ent_coef, old.log_ent_coef)
    zoo.train(new, 64)
    assert not torch.equal(new.log_ent_coef, old.log_ent_coef)


@pytest.mark.parametrize("name", ["SAC", "TQC", "CrossQ"])
def test_the_old_entropy_optimiser_stays_as_it_is(name: str) -> None:
    old: Any = trained(name)
    before = copy.deepcopy(old.ent_coef_optimizer.state_dict())
    zoo.train(transplant(old, env=env_of(name)), 96)
    assert zoo.equal(old.ent_coef_optimizer.state_dict(), before)


@pytest.mark.parametrize("coefficients", [("auto", 0.3), (0.3, "auto"), (0.1, 0.7)])
def test_a_fixed_entropy_coefficient_is_that_of_the_new_agent(
    coefficients: tuple[Any, Any],
) -> None:
    old, new = (
        SAC("MlpPolicy", env_of("SAC"), ent_coef=c, learning_starts=0, buffer_size=99)
        for c in coefficients
    )
    transplant_into(new, old.learn(8))
    if coefficients[1] != "auto":
        assert float(new.ent_coef_tensor) == pytest.approx(coefficients[1])
    new.learn(8)


@pytest.mark.parametrize(
    "given",
    [
        {"optimizer_class": torch.optim.RMSprop},
        {"optimizer_kwargs": {"amsgrad": True}},
        {},
    ],
)
def test_other_optimisers_begin_anew(given: Any) -> None:
    old, new = (
        PPO("MlpPolicy", env_of("PPO"), n_steps=32, batch_size=16, policy_kwargs=kwargs)
        for kwargs in ({}, given)
    )
    report = transplant_into(new, old.learn(32))
    assert report.left == (
        ("The moments of 'optimizer' (Adam) stay behind.",) if given else ()
    )
    new.learn(32)


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
