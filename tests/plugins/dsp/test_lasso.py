"""Tests for lasso.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo
from penalties.made import added, descend, expected
from sb3_prune_dsp import SGS, SSL
from strategies.agents import make_agent, make_chain, make_layer

from sb3_prune.penalties import PENALTIES
from sb3_prune.pruning import look_at
from sb3_prune.testing import check_strategy

LASSO = PENALTIES["group-lasso"]


def test_units_with_small_incoming_weights_go_first() -> None:
    layer = make_layer([[3.0, 4.0], [1.0, 1.0], [0.0, 2.0]], [[0.1, 9.0, 9.0]])
    strategy = SSL(SSL.Config(networks=("net",), final_sparsity=0.34))
    (change,) = strategy.propose(make_agent([layer])).values()
    assert change.removed.tolist() == [1]


def test_the_rate_is_fixed() -> None:
    layers = make_chain("net", [2, 100, 2])
    given = {"networks": ("net",), "final_sparsity": 0.6, "steps": 6}
    strategy = SSL(SSL.Config(begin=0.2, end=0.8, **given))
    left = []
    for progress in (0.31, 0.41, 0.51, 0.61, 0.71, 0.81):
        (change,) = strategy.propose(make_agent(layers, progress=progress)).values()
        left.append(change.after)
    assert left == [90, 80, 70, 60, 50, 40]


@pytest.mark.parametrize("cls", [SSL, SGS])
def test_who_pays_the_lasso(cls: Any) -> None:
    model = zoo.make_model("SAC")
    agent = look_at(model, 0.0)
    layers = agent.wiring.by_network(["actor"])["actor.latent_pi"]
    strategy = cls(cls.Config(strength=0.5))
    strategy.attach(agent)
    priced = layers if cls is SSL else layers[:1]
    true = expected(model, LASSO, dict.fromkeys(priced, 0.5))
    descend(model)
    for name, gradient in added(model).items():
        torch.testing.assert_close(gradient, true[name])
    payers = {name for name, gradient in true.items() if bool(gradient.any())}
    assert payers == {f"{la.name}.weight" for la in priced}


def test_sgs_prunes_all_layers_as_ssl_does() -> None:
    agent = look_at(zoo.make_model("PPO"), 1.0)
    cuts = [
        {name: change.after for name, change in cls().propose(agent).items()}
        for cls in (SSL, SGS)
    ]
    assert cuts[0] == cuts[1]
    assert set(cuts[0].values()) == {2}


def test_sgs_penalises_the_first_layer_of_networks_that_are_named() -> None:
    agent = look_at(zoo.make_model("SAC"), 0.0)
    config = SGS.Config(strengths={"critic": 0.1, "critic.qf1": 0.2})
    found = {la.name: s for la, s in SGS(config).strengths(agent.wiring).items()}
    assert found == {
        "actor.latent_pi.0": 1e-4,
        "critic.qf0.0": 0.1,
        "critic.qf1.0": 0.2,
    }


@pytest.mark.parametrize("cls", [SSL, SGS])
def test_they_keep_the_contract_of_strategies(cls: Any) -> None:
    check_strategy(cls)
