"""Tests for compensation/proposing.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import zoo
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.envs import BitFlippingEnv
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import sb3_prune as sp
from sb3_prune.compensation.compensating import Compensation, compensate
from sb3_prune.compensation.proposing import FRESH, POOR, PruneReport
from sb3_prune.exceptions import (
    ConfigError,
    NoObservationsError,
    UnsupportedPolicyError,
)
from sb3_prune.surgery import keep
from sb3_prune.surgery.flow.forwards import Inputs, sample_inputs

HALF = {"final_sparsity": 0.5, "compensate": True}


def trained(name: str, **more: Any) -> Any:
    return zoo.train(zoo.make_model(name, **more))


def test_a_refused_distillation_cuts_nothing() -> None:
    model = trained("RecurrentPPO")
    before = zoo.snapshot(model.policy)
    with pytest.raises(UnsupportedPolicyError, match="memory cannot be distilled"):
        sp.prune(model, "magnitude", {"final_sparsity": 0.5}, distil_updates=3)
    zoo.assert_same(zoo.snapshot(model.policy), before)


def test_too_few_states_to_distil_on_cut_nothing() -> None:
    model = trained("PPO")
    model.rollout_buffer.reset()
    before = zoo.snapshot(model.policy)
    plain = {"final_sparsity": 0.5, "compensate": False}
    with pytest.raises(NoObservationsError, match="takes 20 states"):
        sp.prune(model, "magnitude", plain, distil_updates=3)
    zoo.assert_same(zoo.snapshot(model.policy), before)


def test_no_fit_has_no_error() -> None:
    inputs = Inputs(observations=torch.zeros(3, 2))
    assert Compensation(inputs=inputs, fits={}).error is None


def test_a_poor_fit_is_a_remark() -> None:
    model = trained("PPO")
    inputs = sample_inputs(model.policy, 40)
    plan = {n: keep([0], k) for n, k in sp.wire(model).units().items()}
    _, found = compensate(model, plan, inputs)
    report = PruneReport({}, (1, 1), {}, compensation=found)
    poor = [name for name, fit in found.fits.items() if fit.error > POOR]
    assert poor
    remarks = [r for r in report.remarks() if "the units that stay miss" in r]
    assert [r.partition(":")[0] for r in remarks] == poor


@pytest.mark.parametrize(("name", "told"), [("PPO", False), ("RecurrentPPO", True)])
def test_a_movement_without_memory_is_a_remark(name: str, told: bool) -> None:
    report = sp.prune(trained(name), "magnitude", HALF)
    assert report.movement is not None
    assert (FRESH in report.remarks()) == told


def test_a_report_is_printed_in_a_few_lines() -> None:
    report = sp.prune(trained("PPO"), "magnitude", HALF)
    text = str(report)
    layer, (before, after) = next(iter(report.units.items()))
    assert f"{layer}: {before} -> {after} units" in text
    assert f"{report.parameters[0]:,} -> {report.parameters[1]:,} parameters" in text
    assert "tensor" not in text and len(text) < 2_000


def test_an_environment_of_another_kind_is_refused() -> None:
    model = trained("PPO")  # CartPole
    before = zoo.snapshot(model.policy)
    with pytest.raises(ConfigError, match="env has other actions than the agent"):
        sp.prune(model, "magnitude", HALF, make_vec_env("Acrobot-v1", 1))
    zoo.assert_same(zoo.snapshot(model.policy), before)


def test_an_environment_without_the_normalisation_is_refused() -> None:
    env = VecNormalize(make_vec_env("CartPole-v1", 1))
    model = trained("PPO", env=env)
    with pytest.raises(ConfigError, match="is normalised by a VecNormalize"):
        sp.prune(model, "magnitude", HALF, make_vec_env("CartPole-v1", 1))
    sp.prune(model, "magnitude", HALF, env, episodes=3)


@pytest.mark.slow
def test_hindsight_joins_no_episodes_around_a_pruning() -> None:
    env = DummyVecEnv([lambda: BitFlippingEnv(n_bits=4, max_steps=9, continuous=True)])
    model = SAC(
        "MultiInputPolicy",
        env,
        replay_buffer_class=HerReplayBuffer,
        learning_starts=30,
        policy_kwargs={"net_arch": [8, 8]},
        seed=0,
    )
    model.learn(41)
    sp.prune(model, "magnitude", {"final_sparsity": 0.5}, model.get_env(), episodes=3)
    model.learn(40, reset_num_timesteps=False)
    lengths = model.replay_buffer.ep_length  # type: ignore[union-attr]
    assert int(lengths.max()) <= 9
