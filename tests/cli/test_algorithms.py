"""Tests for cli/algorithms.py."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from stable_baselines3 import SAC
from stable_baselines3.sac.policies import SACPolicy
from zoo import ALGORITHMS as CASES
from zoo import make_model

from sb3_prune.cli.algorithms import ALGORITHMS, algorithm_of, find_algorithm
from sb3_prune.exceptions import UnknownNameError
from sb3_prune.policies import MaskedPolicyMixin


def test_every_algorithm_of_the_zoo_has_a_name() -> None:
    assert {a.cls for a in ALGORITHMS.values()} == {type(make_model(n)) for n in CASES}


def test_names_and_policies() -> None:
    for name, algorithm in ALGORITHMS.items():
        assert find_algorithm(name) is algorithm
        assert issubclass(algorithm.policy, MaskedPolicyMixin)


def test_unknown_name() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'sac'"):
        find_algorithm("sacc")


@pytest.mark.parametrize("case", CASES)
def test_a_model_tells_its_algorithm(case: str) -> None:
    model = make_model(case)
    found = algorithm_of(model.policy_class, vars(model))
    assert found.cls is type(model)


def test_a_subclass_of_a_policy_tells_its_algorithm() -> None:
    class Mine(SACPolicy):
        pass

    assert algorithm_of(Mine, {}).cls is SAC


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"SACPolicy.*Pass --algo"):
        algorithm_of(SimpleNamespace, {})  # type: ignore[arg-type]


def test_arguments() -> None:
    names = find_algorithm("branching-dqn").arguments()
    assert {"decomposition", "gamma", "policy_kwargs"} <= set(names)
    assert not {"self", "kwargs", "args", "env", "seed", "verbose"} & set(names)


def test_unknown_argument() -> None:
    with pytest.raises(UnknownNameError, match=r"argument of ppo.*'n_steps'"):
        find_algorithm("ppo").check_arguments({"n_step": 3})
    find_algorithm("ppo").check_arguments({"n_steps": 3})
