"""Tests for policies/softmax.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import zoo
from scipy.stats import chisquare

from sb3_prune.exceptions import ConfigError
from sb3_prune.policies.softmax import sample_softmax

GREEDY = {"exploration_initial_eps": 0.0, "exploration_final_eps": 0.0}


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_actions_follow_the_boltzmann_distribution(temperature: float) -> None:
    torch.manual_seed(0)
    values = torch.tensor([0.3, -0.5, 1.2, 0.0])
    drawn = sample_softmax(values.expand(20_000, 4), temperature)
    expected = 20_000 * torch.softmax(values.double() / temperature, dim=0)
    found = torch.bincount(drawn, minlength=4).double()
    assert chisquare(found, expected * found.sum() / expected.sum()).pvalue > 0.001


def test_a_choice_of_minus_infinity_is_never_drawn() -> None:
    torch.manual_seed(0)
    values = torch.tensor([-50.0, -torch.inf, -50.0]).expand(2_000, 3)
    assert set(sample_softmax(values, 1.0).tolist()) == {0, 2}


def test_branches_are_drawn_independently() -> None:
    torch.manual_seed(0)
    values = torch.zeros(8_000, 2, 2)
    first, second = sample_softmax(values, 1.0).T
    found = torch.bincount(2 * first + second, minlength=4)
    assert chisquare(found).pvalue > 0.001


@pytest.mark.parametrize("name", ["DQN", "BranchingDQN"])
def test_only_non_deterministic_predictions_are_drawn(name: str) -> None:
    hot = zoo.make_model(name, policy_kwargs={"temperature": 1e6}, **GREEDY)
    cold = zoo.make_model(name, **GREEDY)
    cold.set_parameters(hot.get_parameters())
    obs = zoo.observations(hot, 64)
    hot.exploration_rate = cold.exploration_rate = 0.0
    greedy = cold.predict(obs, deterministic=False)[0]
    assert np.array_equal(hot.predict(obs, deterministic=True)[0], greedy)
    assert not np.array_equal(hot.predict(obs, deterministic=False)[0], greedy)


def test_a_low_temperature_is_greedy() -> None:
    model = zoo.make_model("DQN", policy_kwargs={"temperature": 1e-6}, **GREEDY)
    model.exploration_rate = 0.0
    obs = zoo.observations(model, 64)
    greedy = model.predict(obs, deterministic=True)[0]
    assert np.array_equal(model.predict(obs, deterministic=False)[0], greedy)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature: float) -> None:
    with pytest.raises(ConfigError, match=f"positive, got {temperature}"):
        zoo.make_model("DQN", policy_kwargs={"temperature": temperature})


def test_the_temperature_travels_with_the_policy(tmp_path: Path) -> None:
    model = zoo.make_model("BranchingDQN", policy_kwargs={"temperature": 2.5})
    model.policy.save(tmp_path / "policy.pth")
    model.save(tmp_path / "model.zip")
    assert type(model.policy).load(tmp_path / "policy.pth").temperature == 2.5
    assert type(model).load(tmp_path / "model.zip").policy.temperature == 2.5
