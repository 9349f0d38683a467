"""Tests for transplanting/variables.py."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import zoo
from stable_baselines3 import SAC

from sb3_prune.transplanting import transplant, transplant_into
from transplanting.made import env_of, trained


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
