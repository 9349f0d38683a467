"""Tests for pruning.py."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
import zoo
from gymnasium.wrappers import TimeLimit
from stable_baselines3 import SAC
from stable_baselines3.common.vec_env import DummyVecEnv

import sb3_prune as sp
from sb3_prune.exceptions import (
    ConfigError,
    FewObservationsError,
    NonFiniteError,
    NoObservationsError,
    PlanError,
    UnknownNameError,
    UnsupportedPolicyError,
)
from sb3_prune.pruning import look_at, make_strategy, prune
from sb3_prune.recording.inputs import LEAST_INPUTS
from sb3_prune.surgery.weight_masks import maskable, present

HALF = {"final_sparsity": 0.5}


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_every_model_is_pruned_to_the_final_state(name: str) -> None:
    model = zoo.train(zoo.make_model(name, stock=name in zoo.STOCK))
    report = prune(model, "magnitude", HALF)
    units = model.policy.wiring().units()
    assert report.units.keys() == units.keys()
    total = sum(model.policy.initial_units.values())
    assert sum(units.values()) == pytest.approx(total / 2, abs=len(units))
    zoo.train_on(model)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_a_loaded_stock_zip_is_pruned_and_trains_on(name: str) -> None:
    buffer = io.BytesIO()
    stock = zoo.train(zoo.make_model(name, stock=True))
    stock.save(buffer)
    buffer.seek(0)
    model = type(stock).load(buffer, env=zoo.make_env(name), device="cpu")
    zoo.train(model, 48)  # Something to look at.
    prune(model, config=HALF)
    zoo.train_on(model)


def test_a_strategy_is_attached_asked_and_detached() -> None:
    strategy = zoo.FirstUnits()
    model = zoo.train(zoo.make_model("SAC"))
    report = prune(model, strategy)
    assert strategy.calls == ["attach", "propose", "detach"]
    assert all(after == before - 2 for before, after in report.units.values())
    assert strategy.seen[0].progress == 1.0


def test_a_strategy_is_detached_when_its_plan_is_refused() -> None:
    strategy = zoo.FirstUnits(width=64)
    model = zoo.train(zoo.make_model("SAC"))
    before = zoo.snapshot(model.policy)
    with pytest.raises(PlanError, match="expects 64 units"):
        prune(model, strategy)
    assert strategy.calls[-1] == "detach"
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)


def test_a_strategy_sees_the_agent_and_its_activations() -> None:
    model = zoo.train(zoo.make_model("SAC"))
    agent = look_at(model, progress=0.25)
    assert agent.model is model and agent.progress == 0.25
    assert agent.initial_units == model.policy.initial_units
    recorded = agent.activations()
    assert {n: h.shape[1] for n, h in recorded.items()} == agent.wiring.units()


def test_the_models_seed_seeds_the_strategy() -> None:
    model, other = zoo.make_model("SAC"), zoo.make_model("SAC", seed=1)
    first, again, third = (look_at(m, 0.0).rng.random(4) for m in (model, model, other))
    assert np.array_equal(first, again) and not np.array_equal(first, third)


def test_a_given_generator_is_used() -> None:
    rng = np.random.default_rng(0)
    assert look_at(zoo.make_model("DQN"), 0.0, rng).rng is rng


def test_a_strategy_is_made_by_name_or_taken_as_it_is() -> None:
    strategy = zoo.FirstUnits()
    assert make_strategy(strategy) is strategy
    made = make_strategy("magnitude", HALF)
    assert made.name == "magnitude" and made.config.final_sparsity == 0.5


@pytest.mark.parametrize(
    ("strategy", "config", "error", "message"),
    [
        ("magnitud", {}, UnknownNameError, r"'magnitud'.*mean 'magnitude'"),
        ("magnitude", {"final_sparsity": 1.5}, ConfigError, r"final.*1\.5"),
        ("magnitude", {"sparsity": 0.5}, ConfigError, r"sparsity.*final_sparsity"),
    ],
)
def test_bad_names_and_options_are_refused_before_any_work(
    strategy: str, config: dict[str, Any], error: Any, message: str
) -> None:
    model = zoo.train(zoo.make_model("DQN"))
    before = zoo.snapshot(model.policy)
    with pytest.raises(error, match=message):
        prune(model, strategy, config)
    zoo.assert_same(zoo.snapshot(model.policy), before, identities=True)


def test_weights_that_are_not_finite_are_refused() -> None:
    model = zoo.train(zoo.make_model("DQN"))
    model.policy.q_net.q_net[0].weight.data[0, 0] = torch.nan
    with pytest.raises(sp.SB3PruneError, match="NaN"):
        prune(model, zoo.FirstUnits())


def test_a_network_without_hidden_layers_is_refused() -> None:
    model = zoo.make_model("PPO", policy_kwargs={"net_arch": []})
    with pytest.raises(UnsupportedPolicyError, match="no hidden layer to prune"):
        prune(model, "magnitude")


# Compensated cuts.


def vector_env(name: str) -> Any:
    return DummyVecEnv([lambda: zoo.make_env(name)])


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_an_agent_plays_and_the_others_take_over(name: str) -> None:
    model = zoo.train(zoo.make_model(name, stock=name in zoo.STOCK))
    report = prune(model, "magnitude", HALF, env=vector_env(name), episodes=3)
    assert report.compensation is not None and report.movement is not None
    assert report.compensation.fits.keys() == report.units.keys()
    assert report.compensation.observations > 20 and not report.compensation.plain
    assert report.movement.values is not None and not report.plain
    zoo.train_on(model)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SAC", "PPO", "RecurrentPPO"])
def test_training_goes_on_with_a_new_episode_if_the_agent_played_in_its_env(
    name: str,
) -> None:
    model = zoo.train(zoo.make_model(name))
    assert model._last_obs is not None
    prune(model, "magnitude", HALF, env=model.get_env(), episodes=1)
    assert model._last_obs is None
    zoo.train_on(model)
    last = model._last_obs
    prune(model, "magnitude", HALF, env=vector_env(name), episodes=1)
    assert model._last_obs is last


def saved_and_loaded(name: str) -> Any:
    buffer = io.BytesIO()
    zoo.train(zoo.make_model(name, stock=name in zoo.STOCK)).save(buffer)
    buffer.seek(0)
    return type(zoo.make_model(name)).load(buffer, device="cpu")


@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_without_observations_cuts_are_plain_and_the_report_says_so(name: str) -> None:
    model = saved_and_loaded(name)
    before = zoo.outputs(model.policy)
    with pytest.raises(NoObservationsError):
        prune(model, "magnitude", {**HALF, "compensate": True})
    zoo.assert_close(zoo.outputs(model.policy), before, 0.0)
    report = prune(model, "magnitude", HALF)
    assert report.compensation is None and report.movement is None
    assert report.units and "the cuts are not compensated" in report.remarks()[-1]
    silent = prune(saved_and_loaded(name), "magnitude", {**HALF, "compensate": False})
    assert not silent.plain and not any("compensated" in r for r in silent.remarks())


@pytest.mark.parametrize("name", ["SAC", "PPO"])
def test_observations_that_are_not_finite_leave_cuts_plain(name: str) -> None:
    model: Any = zoo.train(zoo.make_model(name))
    held = model.replay_buffer if name == "SAC" else model.rollout_buffer
    held.observations[:] = np.nan
    before = zoo.snapshot(model.policy)
    with pytest.raises(NonFiniteError, match="observations to record on"):
        prune(model, "magnitude", {**HALF, "compensate": True})
    zoo.assert_same(zoo.snapshot(model.policy), before)
    assert "NaN or infinite" in prune(model, "magnitude", HALF).plain


def test_an_environment_that_is_not_vectorised_is_refused() -> None:
    model = zoo.train(zoo.make_model("SAC"))
    with pytest.raises(ConfigError, match=r"vectorised .*DummyVecEnv"):
        prune(model, "magnitude", env=zoo.make_env("SAC"))


def test_a_strategy_is_detached_when_the_agent_cannot_play() -> None:
    strategy = zoo.FirstUnits()
    with pytest.raises(ConfigError, match="episodes"):
        prune(zoo.make_model("SAC"), strategy, env=vector_env("SAC"), episodes=0)
    assert strategy.calls == ["attach", "detach"]


@pytest.mark.slow
def test_an_agent_is_pruned_twice() -> None:
    model = zoo.train(zoo.make_model("SAC"))
    env = vector_env("SAC")
    for sparsity in (0.3, 0.6, 0.6):
        report = prune(model, "magnitude", {"final_sparsity": sparsity}, env=env)
    assert not report.units and report.compensation is None
    zoo.train_on(model)


def test_a_loaded_agent_has_too_few_observations_for_activations() -> None:
    """SB3 saves the last observation, and nothing more."""
    zip_file = io.BytesIO()
    zoo.trained("SAC").save(zip_file)
    zip_file.seek(0)
    model = SAC.load(zip_file)
    before = {n: t.clone() for n, t in model.policy.state_dict().items()}
    options: Any = {"score": "activation", "compensate": False}
    for strategy in (("clusters", {}), ("magnitude", options)):
        with pytest.raises(
            NoObservationsError, match=r"on 1 observations, .*pass an env"
        ):
            prune(model, *strategy)
    after = model.policy.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("wrong", [None, 3, {"final_sparsity": 0.5}])
def test_what_is_no_strategy_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="must be a name or an instance of a str"):
        make_strategy(wrong)
    with pytest.raises(ConfigError, match="must be a name or an instance of a str"):
        sp.PruningCallback(wrong)


def test_a_class_of_strategies_is_refused_with_a_hint() -> None:
    kind: Any = type(make_strategy("magnitude"))
    with pytest.raises(ConfigError, match=rf"pass {kind.__name__}\(\)"):
        sp.PruningCallback(kind)


def test_options_beside_an_instance_are_not_ignored() -> None:
    strategy = make_strategy("magnitude")
    with pytest.raises(ConfigError, match="'magnitude' is built already"):
        prune(zoo.make_model("SAC"), strategy, HALF)
    assert make_strategy(strategy) is strategy


@pytest.mark.parametrize("strategy", ["magnitude", "clusters"])
def test_the_report_says_on_how_many_observations_it_is_based(strategy: str) -> None:
    model = zoo.make_model("PPO")
    config = {"final_sparsity": 0.5} if strategy == "magnitude" else {"tau": 0.3}
    played = sp.prune(model, strategy, config, model.get_env(), episodes=2)
    assert played.observations > LEAST_INPUTS
    if strategy == "magnitude":
        plain = sp.prune(model, strategy, {**config, "compensate": False})
        assert plain.observations == 0


@pytest.mark.parametrize(
    ("strategy", "config"),
    [
        ("clusters", {}),
        ("magnitude", {"score": "activation"}),
        ("reconstruct", {"compensate": False}),
        ("reconstruct", {"tolerance": 0.1}),
    ],
)
def test_an_agent_that_played_too_little_is_not_pruned_by_activations(
    strategy: str, config: dict[str, Any]
) -> None:
    model = zoo.train(zoo.make_model("PPO"))
    short = DummyVecEnv([lambda: TimeLimit(zoo.make_env("PPO"), 5)])
    before = zoo.snapshot(model.policy)
    with pytest.raises(FewObservationsError, match="on 5 observations, but needs 20"):
        prune(model, strategy, config, short, episodes=1, states="greedy")
    zoo.assert_same(zoo.snapshot(model.policy), before)
    assert prune(model, strategy, config, short, episodes=16).units is not None


@pytest.mark.parametrize("strategy", ["gmp", "l1"])
def test_masked_weights_are_distilled_from_the_dense_ones(strategy: str) -> None:
    model = zoo.train(zoo.make_model("PPO"))
    env, config = model.get_env(), {"final_sparsity": 0.8}
    report = prune(model, strategy, config, env, episodes=4, distil_updates=60)
    found = report.distillation
    assert found is not None and found.after < found.before
    assert strategy == "l1" or found.before > 0.01
    for module in maskable(model.policy).values():
        assert not module.weight[~present(module)].any()


def test_masks_that_cannot_be_distilled_change_nothing() -> None:
    model = zoo.make_model("PPO")
    before = zoo.snapshot(model.policy)
    with pytest.raises(NoObservationsError):
        prune(model, "gmp", {"final_sparsity": 0.8}, distil_updates=5)
    with pytest.raises(ConfigError, match="rounds=1 needs a strategy that removes"):
        prune(model, "gmp", None, model.get_env(), episodes=2, rounds=1)
    zoo.assert_same(zoo.snapshot(model.policy), before)


def test_a_strong_penalty_is_told_as_the_reason_of_plain_cuts() -> None:
    model = zoo.train(zoo.make_model("PPO"))
    config = {"final_sparsity": 0.5, "penalty": "l1", "strength": 1e-3}
    report = prune(model, "magnitude", config)
    assert "magnitude does not compensate by itself" in report.plain
    for asked in (True, False):
        model = zoo.train(zoo.make_model("PPO"))
        report = prune(model, "magnitude", {**config, "compensate": asked})
        assert not report.plain
