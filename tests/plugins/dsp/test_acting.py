"""Tests for acting.py."""

from __future__ import annotations

import pytest
import zoo
from penalties.made import make
from sb3_prune_dsp import DSP, Dropout
from torch import nn

from sb3_prune.exceptions import ConfigError, UnknownNameError
from sb3_prune.pruning import look_at
from sb3_prune.surgery import apply, wire

ACTS = {
    "actor": ["SAC", "ValueSAC", "TD3", "DDPG", "TQC", "CrossQ"],
    "q_net": ["DQN", "BranchingDQN"],
    "quantile_net": ["QRDQN"],
    "mlp_extractor.policy_net": ["PPO", "A2C", "TRPO", "MaskablePPO", "RecurrentPPO"],
}
PAIRS = [(network, name) for network, names in ACTS.items() for name in names]


@pytest.mark.parametrize(("network", "name"), PAIRS)
def test_only_the_network_that_acts_is_pruned(network: str, name: str) -> None:
    assert sorted(n for _, n in PAIRS) == sorted(zoo.ALGORITHMS)
    model = zoo.make_model(name)
    agent = look_at(model, 1.0)
    before, strategy = wire(model).units(), Dropout()
    strategy.attach(agent)
    apply(model, strategy.propose(agent))
    for layer, units in wire(model).units().items():
        cut = layer.startswith(f"{network}.")
        assert units == (round(before[layer] * 0.2) if cut else before[layer])


def test_an_extractor_is_not_the_actor() -> None:
    agent = look_at(make("PPO-Cnn-apart"), 1.0)
    chosen = DSP().chosen(agent.wiring)
    assert list(chosen) == ["mlp_extractor.policy_net"]
    named = DSP(DSP.Config(networks=("vf_features_extractor",)))
    assert list(named.chosen(agent.wiring)) == ["vf_features_extractor"]


def test_other_networks_are_named() -> None:
    agent = look_at(zoo.make_model("SAC"), 1.0)
    strategy = DSP(DSP.Config(networks=("critic",)))
    assert list(strategy.chosen(agent.wiring)) == ["critic.qf0", "critic.qf1"]
    with pytest.raises(UnknownNameError, match="'critc'"):
        DSP(DSP.Config(networks=("critc",))).attach(agent)


def test_networks_of_unknown_roles_are_not_guessed() -> None:
    model = zoo.make_model("PPO")
    # Its perceptrons are gone, and with them what they are for.
    extractor = model.policy.mlp_extractor
    extractor.policy_net = nn.ModuleList(extractor.policy_net)
    extractor.value_net = nn.ModuleList(extractor.value_net)
    extractor.forward_actor = lambda x: _run(extractor.policy_net, x)
    extractor.forward_critic = lambda x: _run(extractor.value_net, x)
    agent = look_at(model, 1.0)
    with pytest.raises(ConfigError, match=r"policy_net, .*Name it by .* networks"):
        DSP().attach(agent)


def _run(modules: nn.ModuleList, hidden: object) -> object:
    for module in modules:
        hidden = module(hidden)
    return hidden
