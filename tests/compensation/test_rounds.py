"""Tests for compensation/rounds.py."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import zoo
from gymnasium.wrappers import TimeLimit
from stable_baselines3.common.vec_env import VecEnv

import sb3_prune as sp
from sb3_prune.compensation import rounds
from sb3_prune.exceptions import (
    ConfigError,
    NoObservationsError,
    UnsupportedPolicyError,
)
from sb3_prune.recording.observations import count_observations

HALF = {"final_sparsity": 0.5, "compensate": True}


def pruned(name: str = "PPO", strategy: str = "random", **more: Any) -> Any:
    """Prune a trained agent in rounds; return it with its report."""
    model = zoo.train(zoo.make_model(name))
    env = model.get_env()
    env.seed(1)
    return model, sp.prune(model, strategy, HALF, env, episodes=4, **more)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["PPO", "SAC", "DQN", "TD3"])
def test_every_round_is_played(name: str) -> None:
    model, report = pruned(name, rounds=2)
    assert len(report.returns) == 3
    first = pruned(name)[1]
    assert {n: u[1] for n, u in report.units.items()} == sp.wire(model).units()
    assert report.compensation.observations >= first.compensation.observations
    zoo.train(model, 32)


def test_the_best_round_is_carried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the strategy draws anew in each round."""
    made: list[Any] = []
    propose = rounds.propose

    def remember(*given: Any) -> Any:
        made.append(propose(*given))
        return made[-1]

    monkeypatch.setattr(rounds, "propose", remember)
    model, report = pruned(rounds=3)
    best = made[report.returns.index(max(report.returns))]
    sizes = [count_observations(p.compensation.inputs.observations) for p in made]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]
    twin = zoo.train(zoo.make_model("PPO"))
    sp.apply(twin, best.plan)
    for one, other in zip(
        model.policy.parameters(), twin.policy.parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_a_round_without_a_return_is_never_the_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    play, means = rounds.play_episodes, [math.nan, 1.0, math.nan, 2.0, math.nan]

    def played(*args: Any, seed: int, **kwargs: Any) -> Any:
        return replace(play(*args, **kwargs), returns=np.array([means[seed]]))

    carried: list[Any] = []
    carry_out = rounds.carry_out

    def remember(*given: Any) -> Any:
        carried.append(given[1])
        return carry_out(*given)

    monkeypatch.setattr(rounds, "play_episodes", played)
    monkeypatch.setattr(rounds, "carry_out", remember)
    _, report = pruned(rounds=4)
    assert carried[-1] is carried[3]
    np.testing.assert_equal(report.returns, means)


def test_a_distillation_follows_every_round() -> None:
    _, report = pruned(rounds=1, distil_updates=20)
    assert report.distillation.updates == 20
    assert report.distillation.after <= report.distillation.before


def test_rounds_need_an_environment_and_no_memory() -> None:
    model = zoo.train(zoo.make_model("PPO"))
    before = sp.wire(model).units()
    with pytest.raises(ConfigError, match="rounds=1 needs an env"):
        sp.prune(model, "random", HALF, rounds=1)
    assert sp.wire(model).units() == before
    recurrent = zoo.train(zoo.make_model("RecurrentPPO"))
    env: VecEnv = recurrent.get_env()
    with pytest.raises(UnsupportedPolicyError, match="set rounds to 0"):
        sp.prune(recurrent, "random", HALF, env, episodes=2, rounds=1)


def test_scores_look_at_the_states_of_each_round() -> None:
    config = {"final_sparsity": 0.5, "score": "activation", "compensate": False}
    seen = []
    for more in (0, 1):
        model = zoo.train(zoo.make_model("PPO"))
        env: Any = model.get_env()
        report = sp.prune(model, "magnitude", config, env, episodes=4, rounds=more)
        seen.append(report.observations)
    assert min(seen) > 0


def test_too_few_states_are_refused_with_rounds_as_well() -> None:
    config = {"final_sparsity": 0.5, "score": "activation", "compensate": False}
    model = zoo.make_model("PPO", env=TimeLimit(zoo.make_env("PPO"), 1))
    env: Any = model.get_env()
    for more in (0, 1):
        with pytest.raises(NoObservationsError, match="needs 20"):
            sp.prune(model, "magnitude", config, env, episodes=2, rounds=more)
