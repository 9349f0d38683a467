"""Tests for sb3_prune_reconstruct.tolerance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import zoo
from compensation.made import inputs_of, redundant
from sb3_prune_reconstruct import tolerance as tolerances

import sb3_prune as sp
from plugins.reconstruct.test_strategy import agent_of, made, trained
from sb3_prune.compensation import compensate, respond
from sb3_prune.exceptions import ConfigError, NoObservationsError
from sb3_prune.pruning import look_at, make_strategy
from sb3_prune.recording import play_inputs
from sb3_prune.surgery.execution import carry_out
from sb3_prune.surgery.trial import copied


def test_with_a_tolerance_the_schedule_says_only_when() -> None:
    agent = agent_of(trained("SAC"))
    plain = made({"tolerance": 0.3}).propose(agent)
    odd = {"final_sparsity": 0.2, "initial_sparsity": 0.1, "steps": 2}
    same = made({"tolerance": 0.3, "distribution": "global", **odd}).propose(agent)
    assert {n: c.after for n, c in same.items()} == {
        n: c.after for n, c in plain.items()
    }
    early = replace(agent, progress=0.5)
    assert not made({"tolerance": 0.3}).propose(early)
    assert made({"tolerance": 0.3, "schedule": "one-shot"}).propose(early)


def distance(model: Any, plan: Any, measure: str, inputs: Any) -> list[float]:
    """Return how far a plan moves actions and values of an agent."""
    twin: Any = copied(model.policy)
    sp.apply(twin, plan)
    moved = respond(model.policy, inputs).moved(respond(twin, inputs))
    first = moved.kl if measure == "kl" else moved.actions
    return [far for far in (first, moved.values) if far is not None]


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["error", "kl"])
@pytest.mark.parametrize("name", ["SAC", "PPO", "DQN", "TD3", "ValueSAC", "TRPO"])
def test_outputs_stay_within_the_tolerance_and_a_larger_one_removes_more(
    name: str, measure: str
) -> None:
    if measure == "kl" and name in ("DQN", "TD3"):
        pytest.skip("They have no distribution of actions.")
    model = trained(name)
    fresh, kept = inputs_of(model, 500, seed=99), []
    for tolerance in (0.01, 0.1, 0.5):
        strategy = made({"tolerance": tolerance, "measure": measure})
        agent = agent_of(model)
        plan = strategy.propose(agent)
        kept.append(sum(c.after - c.before for c in plan.values()))
        for network, layers in agent.wiring.by_network().items():
            alone = {la.name: plan[la.name] for la in layers if la.name in plan}
            fitted, _ = compensate(model, alone, agent.inputs())
            far = distance(model, fitted, measure, fresh)
            # Of discrete actions, a few among a hundred may differ by chance.
            assert max(far) <= 1.5 * tolerance + 0.02, (network, tolerance)
    assert kept == sorted(kept, reverse=True) and kept[0] > kept[-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SAC", "PPO", "DQN"])
def test_redundant_units_cost_no_tolerance(name: str) -> None:
    model = trained(name)
    plan = redundant(model)
    found = made({"tolerance": 1e-3}).propose(agent_of(model))
    assert found.keys() == plan.keys()
    # An action may stay the best one although its value moved.
    assert all(found[n].after <= plan[n].after for n in plan)
    assert name != "SAC" or all(found[n].after == plan[n].after for n in plan)


@pytest.mark.slow
def test_plain_cuts_are_measured_as_plain_cuts() -> None:
    model = trained("SAC")
    agent = agent_of(model)
    fitted = made({"tolerance": 0.1}).propose(agent)
    plain = made({"tolerance": 0.1, "compensate": False}).propose(agent)
    gone = [sum(c.before - c.after for c in p.values()) for p in (fitted, plain)]
    assert gone[0] > gone[1]
    for layers in agent.wiring.by_network().values():
        alone = {la.name: plain[la.name] for la in layers if la.name in plain}
        assert max(distance(model, alone, "error", inputs_of(model, 500, 9))) < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("count", [40, 64, 65])
def test_few_observations_are_split_as_well(count: int) -> None:
    model = trained("SAC")
    config = {"tolerance": 0.3, "networks": ["actor"]}
    assert made(config).propose(agent_of(model, count))


@pytest.mark.slow
def test_with_few_observations_cuts_are_plain_if_nobody_demands_a_fit() -> None:
    model = trained("SAC")
    with pytest.raises(NoObservationsError, match=r"takes 2\d samples, there are 16"):
        made({"tolerance": 0.3}).propose(agent_of(model, 20))
    made({"tolerance": 0.3, "compensate": None}).propose(agent_of(model, 20))


@pytest.mark.parametrize("count", [1, 4])
def test_too_few_observations_to_split_are_refused(count: int) -> None:
    model = trained("SAC")
    with pytest.raises(NoObservationsError):
        made({"tolerance": 0.1}).propose(agent_of(model, count))


@pytest.mark.slow
def test_a_network_that_moves_no_output_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    model = trained("SAC")
    still = sp.compensation.Movement(actions=0.0, values=0.0, kl=0.0)
    responses = type(respond(model.policy, inputs_of(model, 3)))
    monkeypatch.setattr(responses, "moved", lambda self, other: still)
    assert not made({"tolerance": 0.1}).propose(agent_of(model))


@pytest.mark.slow
def test_a_tolerance_acts_once_at_the_end_of_the_schedule() -> None:
    model = trained("SAC")
    strategy = made({"tolerance": 0.5, "steps": 4, "begin": 0.0, "end": 1.0})
    agent = agent_of(model)
    early = [strategy.propose(replace(agent, progress=p)) for p in (0.2, 0.6, 0.9)]
    assert not any(early) and strategy.propose(agent)
    assert tolerances.STEPS > 5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_agents_train_on_with_a_tolerance(name: str) -> None:
    model = zoo.make_model(name)
    config = {"tolerance": 0.5, "begin": 0.5, "end": 0.5, "steps": 1}
    callback = sp.PruningCallback("reconstruct", config)
    zoo.train(model, 128, callback=callback)
    assert sum(sp.wire(model).units().values()) < sum(
        model.policy.initial_units.values()
    )
    zoo.train_on(model)


PLAIN: dict[str, dict[str, Any]] = {
    "gates": {},
    "penalty": {"penalty": "dsp", "strength": 1e-6},
}


@pytest.mark.parametrize("why", PLAIN)
def test_a_tolerance_is_for_the_cuts_that_are_made(why: str) -> None:
    model = zoo.train(zoo.make_model("PPO", policy_kwargs={"net_arch": [32, 32]}))
    inputs = play_inputs(model, model.get_env(), episodes=16)  # type: ignore[arg-type]
    config = {"tolerance": 0.3, "compensate": None, **PLAIN[why]}
    strategy = make_strategy("reconstruct", config)
    agent = replace(look_at(model, 1.0), inputs=lambda: inputs)
    agent = replace(agent, physical=why != "gates")
    plan = strategy.propose(agent)
    cut = copied(model.policy)
    carry_out(cut, plan, follows=False)
    moved = respond(model.policy, inputs).moved(respond(cut, inputs))
    assert moved.values is not None and moved.values < 0.5
    fitted = replace(agent, physical=True)
    free = make_strategy("reconstruct", {"tolerance": 0.3}).propose(fitted)
    assert sum(c.after for c in free.values()) < sum(
        c.after for c in plan.values()
    ) or (len(free) > len(plan))


def test_a_divergence_needs_distributions() -> None:
    model: Any = zoo.train(zoo.make_model("DQN"))
    with pytest.raises(ConfigError, match="needs an agent whose actions have a dist"):
        sp.prune(model, "reconstruct", {"tolerance": 0.1, "measure": "kl"})
