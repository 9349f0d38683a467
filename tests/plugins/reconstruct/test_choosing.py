"""Tests for the plug-in sb3_prune_reconstruct: choosing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
import zoo
from compensation.made import inputs_of
from sb3_prune_reconstruct import ReconstructConfig
from sb3_prune_reconstruct.choosing import Chooser
from torch import nn

import sb3_prune as sp
from sb3_prune.compensation import Choice, rank
from sb3_prune.exceptions import FewObservationsError
from sb3_prune.pruning import look_at
from sb3_prune.recording.samples import sample_activations

FIRST, SECOND = "mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2"


def agent_of(model: Any, count: int = 600) -> Any:
    return replace(look_at(model, 1.0), inputs=lambda: inputs_of(model, count))


def chooser_of(model: Any, choice: Any = "backward", **config: Any) -> Chooser:
    return Chooser(agent_of(model), ReconstructConfig(choice=choice, **config))


def hidden_of(model: Any) -> dict[str, torch.Tensor]:
    inputs, names = inputs_of(model, 600), list(sp.wire(model))
    return sample_activations(model.policy, inputs, names)


def kept(plan: sp.Plan) -> dict[str, list[int]]:
    return {name: change.kept.tolist() for name, change in plan.items()}


@pytest.mark.parametrize("choice", get_args(Choice))
def test_the_ranking_is_that_of_the_choice(choice: Any) -> None:
    model = zoo.trained("SAC")
    found, hidden = chooser_of(model, choice).rankings, hidden_of(model)
    assert found.keys() == hidden.keys()
    for name, ranking in found.items():
        expected = rank(hidden[name], sp.wire(model)[name].outgoing(), choice)
        assert torch.equal(ranking.order, expected.order)


@pytest.mark.parametrize("choice", sorted({*get_args(Choice)} - {"backward"}))
def test_the_best_ranked_units_stay(choice: Any) -> None:
    model = zoo.trained("TD3")
    chooser = chooser_of(model, choice)
    widths = {name: units // 2 for name, units in sp.wire(model).units().items()}
    for name, units in kept(chooser.plan(widths)).items():
        best = chooser.rankings[name].order[: widths[name]]
        assert units == sorted(best.tolist())


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_backward_leaves_the_widths_and_the_model(name: str) -> None:
    model = zoo.trained(name)
    before = {key: value.clone() for key, value in model.policy.state_dict().items()}
    widths = {n: max(1, units // 3) for n, units in sp.wire(model).units().items()}
    plan = chooser_of(model).plan(widths)
    assert {n: change.after for n, change in plan.items()} == widths
    after = model.policy.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_backward_serves_only_readers_that_stay() -> None:
    model = zoo.make_model("PPO", policy_kwargs={"activation_fn": nn.Tanh})
    wiring, hidden = sp.wire(model), hidden_of(model)
    found = kept(chooser_of(model).plan({FIRST: 3, SECOND: 2}))
    last = rank(hidden[SECOND], wiring[SECOND].outgoing(), "backward")
    assert found[SECOND] == sorted(last.order[:2].tolist())
    read = wiring[FIRST].outgoing()[:, found[SECOND]]
    first = rank(hidden[FIRST], read, "backward")
    assert found[FIRST] == sorted(first.order[:3].tolist())


def test_a_unit_that_only_removed_units_read_goes() -> None:
    model = zoo.make_model("PPO", policy_kwargs={"activation_fn": nn.Tanh})
    widths = {FIRST: sp.wire(model)[FIRST].units - 1, SECOND: 1}
    stays = kept(chooser_of(model).plan(widths))[SECOND][0]
    module: Any = sp.wire(model)[SECOND].module
    with torch.no_grad():
        module.weight[stays, 4] = 0.0
    found = kept(chooser_of(model).plan(widths))
    assert found[SECOND] == [stays] and 4 not in found[FIRST]


def test_other_networks_stay_as_they_are() -> None:
    model = zoo.trained("SAC")
    chooser = chooser_of(model, networks=("actor.latent_pi",))
    assert set(chooser.rankings) == {"actor.latent_pi.0", "actor.latent_pi.2"}


def test_too_few_observations_rank_nothing() -> None:
    agent = agent_of(zoo.trained("SAC"), 19)
    with pytest.raises(FewObservationsError, match="on 19 observations"):
        Chooser(agent, ReconstructConfig())
