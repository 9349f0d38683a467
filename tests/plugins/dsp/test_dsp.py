"""Tests for dsp.py."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
import zoo
from penalties.made import added, descend, expected
from sb3_prune_dsp import DSP, DSPConfig
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from strategies.agents import make_agent, make_chain, make_layer

import sb3_prune as sp
from sb3_prune.evaluation import evaluate
from sb3_prune.exceptions import ConfigError, UnsupportedPolicyError
from sb3_prune.penalties import PENALTIES
from sb3_prune.pruning import look_at
from sb3_prune.testing import check_strategy

W = [[3.0, 4.0], [0.0, 1.0], [1.0, 1.0], [2.0, 0.0]]
V = [[1.0, 2.0, 0.0, -1.0], [0.0, 2.0, 3.0, 1.0]]
OMEGA = [25.0, 8.0, 18.0, 8.0]
"""Importance of the four units by hand: 25 * 1, 1 * 8, 2 * 9, 4 * 2."""
ROLES = ("net",)


def made(**options: Any) -> DSP:
    return DSP(DSPConfig(**options))


def test_the_importance_by_hand() -> None:
    layer = make_layer(W, V)
    found = made().score(layer, make_agent([layer]))
    torch.testing.assert_close(found, torch.tensor(OMEGA))


def test_closed_units_have_no_importance() -> None:
    layer = make_layer(W, V, closed=[0])
    assert made().score(layer, make_agent([layer])).tolist()[0] == 0


def test_the_schedule_is_cubic() -> None:
    """Equation 17 at the middle of training: half of the pruning steps are done."""
    layer = make_chain("net", [2, 64, 2])
    strategy = made(networks=("net",), initial_sparsity=0.1, final_sparsity=0.9)
    (change,) = strategy.propose(make_agent(layer, progress=0.5)).values()
    assert change.after == round(64 * (1 - (0.9 + (0.1 - 0.9) * 0.5**3)))


@pytest.mark.parametrize(
    ("threshold", "kept"),
    [
        ("quantile", [0, 2]),
        # Of 59, 29.5: the running sums are 8, 16, 34, 59.
        ("cumulative", [0, 2]),
        ("literal", [0]),  # Nobody has 29.5; the best one stays.
    ],
)
def test_readings_of_the_threshold_by_hand(threshold: Any, kept: list[int]) -> None:
    layer = make_layer(W, V)
    strategy = made(final_sparsity=0.5, threshold=threshold, networks=ROLES)
    (change,) = strategy.propose(make_agent([layer])).values()
    assert change.selection is not None
    assert change.selection.tolist() == kept


def test_a_sum_over_the_network() -> None:
    """Equation 16 sums over layers, too: the layer with large weights keeps more."""
    layers = make_chain("net", [3, 20, 20, 1])
    layers[1].readers[0].tensor.data *= 10
    options = {"networks": ROLES, "threshold": "cumulative", "final_sparsity": 0.5}
    apart, together = (
        made(distribution=each, **options).propose(make_agent(layers))
        for each in ("uniform", "global")
    )
    assert together["net.2"].after >= apart["net.2"].after
    assert together["net.0"].after == 1 < apart["net.0"].after
    kept = torch.cat(
        [
            made().score(la, make_agent(layers))[together[la.name].selection]
            for la in layers
        ]
    )
    whole = torch.cat([made().score(la, make_agent(layers)) for la in layers])
    assert float(kept.sum()) >= 0.5 * float(whole.sum())


@pytest.mark.slow
@pytest.mark.parametrize("threshold", ["quantile", "cumulative", "literal"])
@pytest.mark.parametrize("physical", [True, False])
def test_units_never_revive(threshold: Any, physical: bool) -> None:
    strategy = made(threshold=threshold, final_sparsity=0.9, compensate=False)
    pruning = sp.PruningCallback(strategy, physical=physical)
    zoo.train(zoo.make_model("PPO", n_epochs=1), 640, callback=pruning)
    history = [point["units"] for point in pruning.history]
    assert len(history) > 2
    for before, after in itertools.pairwise(history):
        assert all(after[name] <= before[name] for name in before)
    actor = [n for name, n in history[-1].items() if "policy_net" in name]
    assert actor == [1, 1]
    assert history[-1]["mlp_extractor.value_net.0"] == 12


def test_the_actor_pays_for_importance_and_the_critic_for_nothing() -> None:
    model = zoo.make_model("SAC")
    agent, strategy = look_at(model, 0.0), made(strength=0.5)
    strategy.attach(agent)
    layers = agent.wiring.by_network(["actor"])["actor.latent_pi"]
    true = expected(model, PENALTIES["dsp"], dict.fromkeys(layers, 0.5))
    descend(model)
    for name, gradient in added(model).items():
        torch.testing.assert_close(gradient, true[name], atol=1e-5, rtol=1e-4)
        assert bool(gradient.any()) == ("actor" in name and "weight" in name)
    strategy.detach()
    descend(model)
    assert not any(bool(gradient.any()) for gradient in added(model).values())


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.ALGORITHMS)
def test_it_trains_every_algorithm(name: str) -> None:
    strength = 0.0 if name == "TRPO" else 1e-2
    pruning = sp.PruningCallback(made(final_sparsity=0.8, strength=strength))
    model = zoo.train(zoo.make_model(name), 128, callback=pruning)
    widths = pruning.strategy.chosen(sp.wire(model))  # type: ignore[attr-defined]
    assert {la.units for layers in widths.values() for la in layers} == {2}


def test_trpo_has_no_place_for_its_penalty() -> None:
    model = zoo.make_model("TRPO")
    with pytest.raises(UnsupportedPolicyError, match="strength of the penalty to 0"):
        zoo.train(model, callback=sp.PruningCallback(made()))
    assert model.num_timesteps == 0


def test_it_keeps_the_contract_of_strategies() -> None:
    check_strategy(DSP)
    check_strategy(DSP, {"threshold": "cumulative", "steps": 3})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": "psi"}, "threshold must be one of cumulative, literal, quant"),
        ({"threshold": "literal", "distribution": "erk"}, "set distribution to 'unif"),
        ({"strength": -1.0}, "strength must be finite and at least 0"),
        ({"penalty": "l3"}, "penalty must be one of dsp, group-lasso, l1, none"),
    ],
)
def test_bad_options_are_refused(options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        made(**options)


def falling(value: float) -> Any:
    return lambda left: value * left


@pytest.mark.slow
def test_it_solves_cartpole_with_nine_units_a_layer() -> None:
    """RL Zoo's options, for 30,000 steps; the source calls 195 steps solved."""
    env = make_vec_env("CartPole-v1", 8, seed=11)
    model = PPO(
        "MlpPolicy",
        env,
        n_steps=32,
        batch_size=256,
        gae_lambda=0.8,
        gamma=0.98,
        n_epochs=20,
        learning_rate=falling(1e-3),
        clip_range=falling(0.2),
        policy_kwargs={"net_arch": [128, 128]},
        seed=11,
        device="cpu",
    )
    model.learn(30_000, callback=sp.PruningCallback(made(final_sparsity=0.93)))
    units = sp.wire(model).units()
    assert [n for name, n in units.items() if "policy" in name] == [9, 9]
    tests = make_vec_env("CartPole-v1", 8, seed=12)
    assert evaluate(model, tests, episodes=20).mean_return > 195
