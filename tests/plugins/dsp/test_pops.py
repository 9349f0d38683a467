"""Tests for sb3_prune_dsp/pops.py."""

from __future__ import annotations

from typing import Any

import pytest
import zoo
from sb3_prune_dsp.pops import PopsConfig, prune_by_pops
from stable_baselines3.common.env_util import make_vec_env

import sb3_prune as sp
from sb3_prune.exceptions import ConfigError, UnknownNameError
from sb3_prune.surgery import masks_of, wire

ACTOR = [f"mlp_extractor.policy_net.{k}" for k in (0, 2)]
QUICK: dict[str, Any] = {"episodes": 2, "updates": 20, "prunings": 2, "shrinkings": 2}


def env() -> Any:
    return make_vec_env("CartPole-v1", 2, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["PPO", "DQN"])
def test_an_agent_is_pruned_and_shrunk(name: str) -> None:
    """Every student is good enough: each is smaller, and the last one is kept."""
    model = zoo.train(zoo.make_model(name))
    config = PopsConfig(threshold=0.1, growth=2.0, loss=100.0, **QUICK)
    report = prune_by_pops(model, env(), config)
    kinds = [step.kind for step in report.steps]
    assert kinds == ["teacher", *["prune", "prune", "shrink"] * 2]
    assert report.kept == 6 and report.steps[6].units == wire(model).units()
    sizes = [step.parameters for step in report.steps if step.kind != "prune"]
    assert sizes[0] > sizes[1] > sizes[2]
    assert not masks_of(model)
    assert report.updates == 6 * QUICK["updates"]
    assert report.env_steps == sum(step.env_steps for step in report.steps) > 0
    assert [s.threshold for s in report.steps] == [0, 0.1, 0.2, 0.2, 0.1, 0.2, 0.2]
    shares = [sum(s.redundancy.values()) for s in report.steps]
    assert 0 < shares[1] < shares[2] and shares[3] == shares[0] == 0.0
    zoo.train_on(model)


@pytest.mark.slow
def test_an_agent_that_cannot_be_shrunk_stays() -> None:
    """With almost all weights masked, and nothing learnt, no student plays as well."""
    model = zoo.train(zoo.make_model("PPO"), 3000)
    before = zoo.snapshot(model.policy)
    config = PopsConfig(threshold=100.0, loss=0.0, episodes=4, updates=1)
    report = prune_by_pops(model, env(), config)
    assert report.kept == 0
    assert [step.kind for step in report.steps] == ["teacher", "prune"]
    assert not report.steps[1].passed
    zoo.assert_same(zoo.snapshot(model.policy), before)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_student() -> None:
    found = []
    for _ in range(2):
        model = zoo.train(zoo.make_model("PPO"))
        report = prune_by_pops(model, env(), PopsConfig(loss=100.0, **QUICK), seed=5)
        found.append([(s.mean_return, s.units) for s in report.steps])
    assert found[0] == found[1]


def test_training_goes_on_with_a_new_episode() -> None:
    """The agent's own environment has been reset and played in."""
    model = zoo.train(zoo.make_model("DQN"))
    prune_by_pops(model, model.get_env(), PopsConfig(loss=100.0, **QUICK))
    assert model._last_obs is None
    zoo.train_on(model)


def test_masks_of_other_networks_stay() -> None:
    model = zoo.train(zoo.make_model("PPO"))
    critic = {"networks": ["mlp_extractor.value_net"], "final_sparsity": 0.3}
    sp.prune(model, "gmp", critic)
    before = {path: mask.clone() for path, mask in masks_of(model).items()}
    report = prune_by_pops(model, env(), PopsConfig(threshold=0.2, loss=100.0, **QUICK))
    assert report.kept
    zoo.assert_same(masks_of(model), before)


def test_an_environment_of_other_spaces_is_refused() -> None:
    with pytest.raises(ConfigError, match="env has other actions than the agent"):
        prune_by_pops(zoo.make_model("PPO"), make_vec_env("Pendulum-v1"))


def test_networks_can_be_chosen() -> None:
    model = zoo.train(zoo.make_model("PPO"))
    config = PopsConfig(threshold=0.2, loss=100.0, **QUICK)
    prune_by_pops(model, env(), config, networks=["mlp_extractor.value_net"])
    units = wire(model).units()
    assert [units[name] for name in ACTOR] == [12, 10]
    assert units["mlp_extractor.value_net.0"] < 12
    with pytest.raises(UnknownNameError, match="policy_net"):
        prune_by_pops(model, env(), config, networks=["actor"])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"growth": 1.0}, "growth > 1"),
        ({"threshold": 0.0}, "threshold > 0"),
        ({"loss": float("nan")}, "loss"),
        ({"updates": 0}, "updates"),
    ],
)
def test_bad_options(options: Any, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        PopsConfig(**options)


def test_targets_follow_the_student() -> None:
    """The agent may train on: its target network must not be the masked one."""
    model = zoo.train(zoo.make_model("DQN"))
    report = prune_by_pops(model, env(), PopsConfig(loss=100.0, **QUICK))
    assert report.kept
    learnt = zoo.snapshot(model.policy.q_net)
    zoo.assert_same(zoo.snapshot(model.policy.q_net_target), learnt)
