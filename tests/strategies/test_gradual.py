"""Tests for gradual.py."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from zoo import ALGORITHMS, make_model

from sb3_prune.exceptions import (
    ConfigError,
    NonFiniteError,
    PlanError,
    UnknownNameError,
)
from sb3_prune.penalties import PENALTIES
from sb3_prune.strategies import (
    DISTRIBUTIONS,
    AgentView,
    GradualConfig,
    GradualStrategy,
    Size,
)
from sb3_prune.strategies.gradual import best, initial_sizes
from sb3_prune.surgery import HiddenLayer, apply, mask, wire

from .agents import make_agent, make_chain, make_layer


class LastFirst(GradualStrategy):
    """Find later units more important."""

    name = "last-first"

    def score(self, layer: HiddenLayer, agent: AgentView) -> torch.Tensor:
        del agent  # Only the index counts.
        return torch.arange(layer.units).float()


class Odd(LastFirst):
    """Gives some scores of its own, perhaps too many."""

    name = "odd"
    scores = torch.arange(20.0)

    def score(self, layer: HiddenLayer, agent: AgentView) -> torch.Tensor:
        return self.scores


@pytest.mark.parametrize("odd", [torch.nan, torch.inf])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_scores_that_are_no_numbers_are_refused(distribution: Any, odd: float) -> None:
    strategy = Odd(GradualConfig(distribution=distribution))
    strategy.scores = torch.tensor([odd, *range(19)])
    why = "1 of the 20 scores of 'actor.latent_pi.0' by the strategy 'odd' are NaN"
    with pytest.raises(NonFiniteError, match=why):
        strategy.propose(make_agent(two_networks()))


def test_scores_of_other_units_are_refused() -> None:
    strategy = Odd(GradualConfig())
    strategy.scores = torch.ones(22)
    with pytest.raises(PlanError, match=r"must be \(20,\), the strategy 'odd' gives"):
        strategy.propose(make_agent(two_networks()))


@pytest.mark.parametrize("none", [None, [1.0] * 20, np.ones(20)])
def test_scores_that_are_no_tensor_are_refused(none: Any) -> None:
    strategy = Odd(GradualConfig())
    strategy.scores = none
    kind = type(none).__name__
    why = rf"'actor.latent_pi.0' must be a float .*\(20,\), .*'odd' gives a {kind}"
    with pytest.raises(PlanError, match=why):
        strategy.propose(make_agent(two_networks()))


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_whole_numbers_are_scores_as_well(distribution: Any) -> None:
    layers = make_chain("actor.latent_pi", [3, 20, 1])
    strategy = Odd(GradualConfig(distribution=distribution))
    strategy.scores = torch.arange(20)
    found = strategy.propose(make_agent(layers))["actor.latent_pi.0"]
    assert found.selection is not None
    assert found.selection.tolist() == [16, 17, 18, 19]


class Allots(LastFirst):
    """Has a distribution of its own."""

    name = "allots"
    found: Any = None

    def allot(self, sizes: Any, sparsity: float, scores: Any) -> Any:
        return self.found


@pytest.mark.parametrize(
    ("count", "shown"), [(-1, "-1"), (1, "1"), (21, "21"), (2.0, "2.0"), (True, "True")]
)
def test_numbers_of_units_that_do_not_fit_are_refused(count: Any, shown: str) -> None:
    strategy = Allots(GradualConfig(min_units=2))
    strategy.found = {"net.0": count}
    why = rf"'allots' must return for 'net.0' .* 2 \(min_units\) to 20 .*, got {shown}"
    with pytest.raises(PlanError, match=why):
        strategy.propose(make_agent(make_chain("net", [3, 20, 1])))


def test_layers_without_a_number_of_units_are_refused() -> None:
    strategy = Allots(GradualConfig())
    agent = make_agent(make_chain("net", [3, 20, 1]))
    with pytest.raises(PlanError, match=r"'allots' must return the number .* got None"):
        strategy.propose(agent)
    strategy.detach()
    strategy.found = {"net": 3}
    with pytest.raises(PlanError, match=r"for 'net\.0' a whole number .*, got None"):
        strategy.propose(agent)


@pytest.mark.parametrize("count", [4, np.int64(4), torch.tensor(4)])
def test_whole_numbers_of_units_of_any_type_will_do(count: Any) -> None:
    strategy = Allots(GradualConfig())
    strategy.found = {"net.0": count}
    agent = make_agent(make_chain("net", [3, 20, 1]))
    assert kept(agent, strategy) == {"net.0": 4}


def make(**values: Any) -> LastFirst:
    return LastFirst(GradualConfig(**values))


def two_networks() -> list[HiddenLayer]:
    return [
        *make_chain("actor.latent_pi", [3, 20, 10, 1]),
        *make_chain("critic.qf0", [4, 40, 10, 1]),
    ]


def kept(agent: AgentView, strategy: GradualStrategy) -> dict[str, int]:
    plan = strategy.propose(agent)
    return {name: change.after for name, change in plan.items()}


def test_a_jump_to_the_end_reaches_the_final_sparsity() -> None:
    plan = make(final_sparsity=0.8).propose(make_agent(two_networks()))
    assert plan["actor.latent_pi.0"].selection.tolist() == [16, 17, 18, 19]
    assert {name: change.after for name, change in plan.items()} == {
        "actor.latent_pi.0": 4,
        "actor.latent_pi.2": 2,
        "critic.qf0.0": 8,
        "critic.qf0.2": 2,
    }


def test_nothing_happens_before_begin_or_between_events() -> None:
    layers, strategy = two_networks(), make(begin=0.2, end=0.8, steps=3)
    due = [
        bool(kept(make_agent(layers, progress=p / 100), strategy)) for p in range(101)
    ]
    # The event at 20 removes nothing, for the initial sparsity is 0.
    assert [p for p, any_ in enumerate(due) if any_] == [40, 60, 80]


def test_initial_sparsity_is_due_at_begin() -> None:
    layers, strategy = two_networks(), make(initial_sparsity=0.5, begin=0.3)
    assert kept(make_agent(layers, progress=0.29), strategy) == {}
    assert kept(make_agent(layers, progress=0.3), strategy)["critic.qf0.0"] == 20


def test_layers_narrower_than_allotted_stay() -> None:
    layers = make_chain("actor.latent_pi", [3, 5, 10, 1])
    agent = make_agent(
        layers, initial_units={"actor.latent_pi.0": 20, "actor.latent_pi.2": 10}
    )
    strategy = make(final_sparsity=0.5)
    assert kept(agent, strategy) == {"actor.latent_pi.2": 5}


@pytest.mark.parametrize(
    ("networks", "pruned"),
    [
        ((), {"actor.latent_pi", "critic.qf0"}),
        (("actor",), {"actor.latent_pi"}),
        (("critic.qf0",), {"critic.qf0"}),
        (["critic", "actor.latent_pi"], {"actor.latent_pi", "critic.qf0"}),
    ],
)
def test_only_the_chosen_networks_are_pruned(networks: Any, pruned: set[str]) -> None:
    agent, strategy = make_agent(two_networks()), make(networks=networks)
    strategy.attach(agent)
    assert {name.rpartition(".")[0] for name in strategy.propose(agent)} == pruned


@pytest.mark.parametrize("name", ["crtic", "critic.qf", "critic.qf0.2", "a"])
def test_an_unknown_network_is_an_error_at_attach(name: str) -> None:
    strategy = make(networks=(name,))
    with pytest.raises(UnknownNameError, match=r"Known: actor.latent_pi, critic.qf0"):
        strategy.attach(make_agent(two_networks()))


@pytest.mark.parametrize("distribution", sorted(DISTRIBUTIONS))
def test_proposing_again_changes_nothing(distribution: str) -> None:
    model = make_model("SAC")
    initial = wire(model.policy).units()
    strategy = make(final_sparsity=0.6, distribution=distribution)
    for progress in (0.3, 0.5, 1.0):
        for first in (True, False):
            layers = list(wire(model.policy).values())
            agent = make_agent(layers, progress=progress, initial_units=initial)
            plan = strategy.propose(agent)
            assert bool(plan) == first
            apply(model, plan)
            strategy.detach()  # A resumed run starts from the event it finds.


@pytest.mark.parametrize("distribution", sorted(DISTRIBUTIONS))
@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_ends_at_the_final_sparsity(
    name: str, distribution: str
) -> None:
    model = make_model(name)
    wiring = wire(model.policy)
    initial, final = wiring.units(), 0.7
    agent = make_agent(list(wiring.values()), initial_units=initial)
    apply(model, make(distribution=distribution, final_sparsity=final).propose(agent))
    left = wire(model.policy).units()
    for network in {layer.network for layer in wiring.values()}:
        names = [name for name in left if name.startswith(f"{network}.")]
        budget = (1 - final) * sum(initial[name] for name in names)
        assert abs(sum(left[name] for name in names) - budget) <= len(names) / 2


def test_twin_critics_keep_equal_widths_but_their_own_units() -> None:
    class ByWeight(LastFirst):
        def score(self, layer: HiddenLayer, agent: AgentView) -> torch.Tensor:
            return layer.incoming().norm(dim=1)

    model = make_model("SAC")
    agent = make_agent(list(wire(model.policy).values()))
    plan = ByWeight(GradualConfig(final_sparsity=0.5)).propose(agent)
    first, second = plan["critic.qf0.0"], plan["critic.qf1.0"]
    assert first.after == second.after == 6
    assert first.selection.tolist() != second.selection.tolist()


def test_closed_units_go_first() -> None:
    layer = make_layer(torch.ones(6, 2).tolist(), torch.ones(2, 6).tolist(), closed=[5])
    plan = make(final_sparsity=0.5).propose(make_agent([layer]))
    assert plan["net.0"].selection.tolist() == [2, 3, 4]


def test_masking_and_then_proposing_again_closes_no_more() -> None:
    model = make_model("PPO")
    strategy = make(final_sparsity=0.5)
    for _ in range(2):
        agent = make_agent(list(wire(model.policy).values()))
        mask(model, strategy.propose(agent))
        strategy.detach()
        assert set(wire(model.policy).active_units().values()) == {6, 5}


@given(
    st.lists(st.integers(-3, 3), min_size=1, max_size=12),
    st.sets(st.integers(0, 11)),
    st.integers(1, 12),
)
def test_best_equals_a_direct_ranking(
    values: list[int], closed: set[int], count: int
) -> None:
    shut = [k for k in closed if k < len(values)]
    layer = make_layer([[1.0]] * len(values), [[1.0] * len(values)], closed=shut)
    order = sorted(
        range(len(values)), key=lambda k: (k in shut, 0 if k in shut else -values[k], k)
    )
    expected = sorted(order[:count])
    assert best(layer, torch.tensor(values).float(), count) == expected


def test_sizes_are_those_before_any_cut() -> None:
    model = make_model("SAC")
    initial = wire(model.policy).units()
    before = initial_sizes(wire(model.policy), initial)
    assert before["actor.latent_pi.0"] == Size(units=12, inputs=3, outputs=10)
    assert before["actor.latent_pi.2"] == Size(units=10, inputs=12, outputs=2)
    assert before["critic.qf0.0"] == Size(units=12, inputs=4, outputs=10)
    apply(model, make().propose(make_agent(list(wire(model.policy).values()))))
    assert initial_sizes(wire(model.policy), initial) == before


def test_one_recording_serves_all_layers() -> None:
    class ByActivation(LastFirst):
        def score(self, layer: HiddenLayer, agent: AgentView) -> torch.Tensor:
            return agent.activations()[layer.name].mean(0)

    layers, calls = two_networks(), []

    def record() -> dict[str, torch.Tensor]:
        calls.append(1)
        return {layer.name: torch.rand(3, layer.units) for layer in layers}

    ByActivation().propose(make_agent(layers, activations=record))
    assert len(calls) == 1


def test_a_resumed_strategy_waits_for_the_next_event() -> None:
    layers, strategy = two_networks(), make()
    agent = make_agent(layers, progress=0.5)
    assert strategy.propose(agent)
    resumed = make()
    resumed.load_state_dict(strategy.state_dict())
    assert not resumed.propose(agent)
    assert resumed.propose(make_agent(layers, progress=0.6))


def test_a_strategy_serves_one_agent_after_another() -> None:
    strategy = make()
    first = kept(make_agent(two_networks()), strategy)
    strategy.detach()
    assert kept(make_agent(two_networks()), strategy) == first
    # A second run of the same length begins without detaching, too.
    assert not strategy.propose(make_agent(two_networks(), progress=0.0))
    assert kept(make_agent(two_networks()), strategy) == first


def test_an_idle_proposal_looks_at_no_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked thousands of times between two events."""
    strategy, agent = make(), make_agent(two_networks(), progress=0.5)
    assert strategy.propose(agent)
    monkeypatch.setattr(type(strategy), "propose_now", None)
    assert not strategy.propose(agent)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"distribution": "all"}, "distribution must be one of erk.*got 'all'"),
        ({"min_units": 0}, "min_units must be at least 1, got 0"),
        ({"networks": "actor"}, "networks must be a list.*'actor'"),
        ({"penalty": "l2"}, "penalty must be one of dsp, group-lasso, l1, none"),
        ({"strength": 1.0}, "strength = 1.0 .* no effect without a penalty"),
        ({"strengths": {"actor": 1.0}}, "no effect without a penalty"),
        ({"penalty": "l1", "strength": -1.0}, "strength must be finite"),
        ({"penalty": "l1", "strengths": {"actor": "x"}}, "strengths.'actor'. must be"),
        ({"penalty": "l1", "strengths": ["actor"]}, "must map names of networks"),
    ],
)
def test_bad_values_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**values)


def test_networks_have_strengths_of_their_own() -> None:
    """The longest name counts, and networks need not be pruned."""
    model = make_model("SAC")
    agent = make_agent(list(wire(model).values()))
    strategy = make(
        networks=("actor",),
        penalty="l1",
        strength=1.0,
        strengths={"critic.qf1": 3.0, "critic": 2.0},
    )
    found = {la.network: s for la, s in strategy.strengths(agent.wiring).items()}
    assert found == {"actor.latent_pi": 1.0, "critic.qf0": 2.0, "critic.qf1": 3.0}
    unknown = make(penalty="l1", strengths={"crtic": 1.0})
    with pytest.raises(UnknownNameError, match="'crtic'"):
        unknown.attach(make_agent(list(wire(model).values())))


def test_configurations_name_every_distribution_and_penalty() -> None:
    hints = get_type_hints(GradualConfig)
    assert set(get_args(hints["distribution"])) == set(DISTRIBUTIONS)
    assert set(get_args(hints["penalty"])) == {"none", *PENALTIES}
