"""Tests for dropout.py."""

from __future__ import annotations

import numpy as np
import zoo
from sb3_prune_dsp import Dropout, register_strategies
from strategies.agents import make_agent, make_chain

import sb3_prune as sp
from sb3_prune.testing import check_strategy


def test_all_units_go_at_once() -> None:
    pruning = sp.PruningCallback(Dropout(Dropout.Config(final_sparsity=0.5)))
    zoo.train(zoo.make_model("PPO"), 320, callback=pruning)
    units = [sum(point["units"].values()) for point in pruning.history]
    assert units == [44, 33]


def test_units_are_drawn() -> None:
    def kept(seed: int) -> list[int]:
        layers = make_chain("net", [2, 50, 2])
        strategy = Dropout(Dropout.Config(networks=("net",)))
        (change,) = strategy.propose(make_agent(layers, seed=seed)).values()
        return np.asarray(change.selection).tolist()

    assert kept(1) == kept(1) != kept(2)
    assert len(kept(1)) == 10


def test_it_keeps_the_contract_of_strategies() -> None:
    check_strategy(Dropout)


def test_the_family_is_registered() -> None:
    found: list[type] = []
    register_strategies(found.append)
    assert [cls.name for cls in found] == ["dsp", "ssl", "sgs", "l1", "dropout"]
