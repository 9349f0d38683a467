"""Tests for transplanting/moments.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo
from stable_baselines3 import PPO

from sb3_prune.surgery.optimizer import optimizers
from sb3_prune.transplanting import transplant, transplant_into
from sb3_prune.transplanting.moments import SQUARES
from transplanting.made import env_of, trained
from transplanting.test_carrying import FIRST, carried


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
        mean = value[value != 0].mean()  # Dead units have none.
        expected = mean if key in SQUARES else torch.tensor(0.0)
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


def test_moments_behind_new_layers_of_tanh_have_the_size_of_their_gradients() -> None:
    old: Any = trained("PPO")
    new: Any = transplant(old, env=env_of("PPO"), net_arch=[12, 10, 10, 10])
    pair = [m.policy.optimizer.state[m.policy.action_net.weight] for m in (old, new)]
    torch.testing.assert_close(pair[1]["exp_avg"], 0.01 * pair[0]["exp_avg"])
    torch.testing.assert_close(pair[1]["exp_avg_sq"], 1e-4 * pair[0]["exp_avg_sq"])
    seen = torch.linspace(-1, 1, 40).reshape(8, 5)
    gradients = [
        torch.autograd.grad(
            m.policy.get_distribution(seen).log_prob(torch.zeros(8)).sum(),
            m.policy.action_net.weight,
        )[0]
        for m in (old, new)
    ]
    far = (gradients[1] - 0.01 * gradients[0]).abs().max() / gradients[1].abs().max()
    assert far < 0.02


@pytest.mark.parametrize("width", [12, 14])
def test_states_that_cannot_follow_stay_behind(width: int) -> None:
    kwargs = {"optimizer_class": torch.optim.Adafactor, "net_arch": [12]}
    old = PPO("MlpPolicy", env_of("PPO"), policy_kwargs=kwargs, **zoo.PPO)
    new = zoo.make_model(
        "PPO",
        stock=True,
        env=env_of("PPO"),
        policy_kwargs={**kwargs, "net_arch": [width]},
    )
    report = transplant_into(new, old.learn(32))
    assert report.left == ("The moments of 'optimizer' (Adafactor) stay behind.",)
    zoo.train(new, 64)
