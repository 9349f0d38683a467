"""Tests for cli/algorithms.py."""

from __future__ import annotations

import pytest
from torch import nn
from zoo import ALGORITHMS as CASES
from zoo import make_model

from sb3_prune.cli.algorithms import ALGORITHMS, find_algorithm
from sb3_prune.cli.hyperparameters import RULES, check_values
from sb3_prune.exceptions import ConfigError, UnknownNameError
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


@pytest.mark.parametrize("name", ["SAC", "Sac", "recurrent_ppo", "RecurrentPPO"])
def test_names_may_be_written_as_sb3_does(name: str) -> None:
    cls = find_algorithm(name).cls
    assert cls.__name__.lower() == name.lower().replace("_", "")


def test_arguments() -> None:
    names = find_algorithm("branching-dqn").defaults()
    assert {"decomposition", "gamma", "policy_kwargs"} <= set(names)
    assert not {"self", "kwargs", "args", "env", "seed", "verbose"} & set(names)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_argument_has_a_rule_that_accepts_its_default(name: str) -> None:
    defaults = find_algorithm(name).defaults()
    assert defaults.keys() <= RULES.keys()
    check_values(defaults, defaults, name)


def test_unknown_argument() -> None:
    with pytest.raises(UnknownNameError, match=r"argument of ppo.*'n_steps'"):
        find_algorithm("ppo").read_arguments(["n_step=3"])
    assert find_algorithm("ppo").read_arguments(["n_steps=3"]) == {"n_steps": 3}


def test_values_are_checked_and_classes_found() -> None:
    ppo = find_algorithm("ppo")
    with pytest.raises(ConfigError, match=r"--algo-kwargs: gamma must be .* got 7"):
        ppo.read_arguments(["gamma=7"])
    found = ppo.read_arguments(['policy_kwargs={"activation_fn": "nn.ELU"}'])
    assert found == {"policy_kwargs": {"activation_fn": nn.ELU}}
