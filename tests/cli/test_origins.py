"""Tests for cli/origins.py."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from stable_baselines3 import SAC
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.sac.policies import SACPolicy
from zoo import ALGORITHMS as CASES
from zoo import make_model

from sb3_prune.cli.algorithms import ALGORITHMS
from sb3_prune.cli.origins import MARKS, algorithm_of, check_origin
from sb3_prune.exceptions import CheckpointError, UnknownNameError


def test_every_algorithm_has_marks() -> None:
    assert MARKS.keys() == ALGORITHMS.keys()


@pytest.mark.parametrize("case", CASES)
def test_a_model_tells_its_algorithm(case: str) -> None:
    model = make_model(case)
    found = algorithm_of(model.policy_class, vars(model))
    assert found.cls is type(model)
    for name, other in ALGORITHMS.items():
        if other is found:
            check_origin(other, model.policy_class, vars(model))
            continue
        with pytest.raises(CheckpointError, match=f"{found.name} saved it, not {name}"):
            check_origin(other, model.policy_class, vars(model))


def test_td3_without_its_tricks_is_not_ddpg() -> None:
    model = make_model("TD3")
    model.policy_delay, model.target_noise_clip = 1, 0.0  # type: ignore[attr-defined]
    check_origin(ALGORITHMS["td3"], model.policy_class, vars(model))


def test_a_subclass_of_a_policy_tells_its_algorithm() -> None:
    class Mine(SACPolicy):
        pass

    assert algorithm_of(Mine, {"target_entropy": -1}).cls is SAC


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"SACPolicy.*Pass --algo"):
        algorithm_of(SimpleNamespace, {})  # type: ignore[arg-type]


def test_a_policy_of_another_algorithm() -> None:
    with pytest.raises(
        CheckpointError, match=r"SACPolicy is that of sac or .*no target_ent"
    ):
        algorithm_of(SACPolicy, vars(make_model("PPO")))


def test_a_policy_that_nobody_knows() -> None:
    saved = vars(make_model("PPO"))
    check_origin(ALGORITHMS["ppo"], BasePolicy, saved)
    with pytest.raises(CheckpointError, match=r"sac did not save it: .*target_entropy"):
        check_origin(ALGORITHMS["sac"], BasePolicy, saved)
