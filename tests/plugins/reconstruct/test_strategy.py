"""Tests for sb3_prune_reconstruct.strategy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import zoo
from compensation.made import inputs_of
from torch import nn

import sb3_prune as sp
from sb3_prune.exceptions import ConfigError, NoObservationsError
from sb3_prune.pruning import look_at, make_strategy

TANH = {"activation_fn": nn.Tanh}


def made(config: Any) -> Any:
    return make_strategy("reconstruct", config)


def trained(name: str, **kwargs: Any) -> Any:
    return zoo.train(zoo.make_model(name, policy_kwargs=TANH, **kwargs))


def agent_of(model: Any, count: int = 600) -> Any:
    return replace(look_at(model, 1.0), inputs=lambda: inputs_of(model, count))


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_every_algorithm_is_pruned_to_the_final_sparsity(name: str) -> None:
    model = trained(name)
    agent = agent_of(model)
    plan = made({"final_sparsity": 0.5}).propose(agent)
    units = model.policy.initial_units
    assert {n: change.after for n, change in plan.items()} == {
        n: count // 2 for n, count in units.items()
    }


def test_it_demands_observations_unless_told_otherwise() -> None:
    model = zoo.make_model("SAC")
    with pytest.raises(NoObservationsError):
        sp.prune(model, "reconstruct")
    with pytest.raises(ConfigError, match="compensate=True needs physical=True"):
        sp.PruningCallback("reconstruct", physical=False)
    sp.PruningCallback("reconstruct", {"compensate": False}, physical=False)
