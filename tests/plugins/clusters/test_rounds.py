"""Rounds: tested before they are trained, and a failure is a result."""

from typing import Any

import pytest
import torch
from sb3_prune_clusters import rounds
from sb3_prune_clusters.rounds import Round, forget, prune_in_rounds
from sb3_prune_clusters.strategy import ClustersConfig
from sb3_prune_envs import make_arm_vec
from stable_baselines3 import DQN, PPO, SAC, HerReplayBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.envs import BitFlippingEnv
from stable_baselines3.common.vec_env import VecEnv, VecNormalize
from zoo import make_model, train

import sb3_prune as sp
from sb3_prune.callbacks import validation
from sb3_prune.evaluation import ValidationTest
from sb3_prune.exceptions import ConfigError
from sb3_prune.recording import record_episodes
from sb3_prune.surgery.optimizer import optimizers

EASY = ValidationTest(episodes=10, rate=0.5, reward=0.0)
HARD = ValidationTest(episodes=10, rate=0.5, reward=1.1)
CONFIG = ClustersConfig(tau=0.3, episodes=10, rounds=2)


def arms(count: int) -> VecEnv:
    return make_arm_vec(count, action_mode="joint")


def agent() -> DQN:
    return DQN(
        "MlpPolicy",
        arms(4),
        policy_kwargs={"net_arch": [24, 20]},
        learning_starts=20,
        buffer_size=1000,
        device="cpu",
        seed=0,
    )


def run(model: BaseAlgorithm, test: ValidationTest, **options: object) -> list[Round]:
    return prune_in_rounds(
        model,
        arms(4),
        arms(10),
        config=CONFIG,
        test=test,
        every=30,
        progress=False,
        **{"max_steps_per_round": 240, **options},
    )


def test_rounds_that_pass_are_not_retrained() -> None:
    model = agent()
    found = run(model, EASY)
    assert [done.number for done in found] == [0, 1, 2]
    assert all(done.passed and done.success == 1 for done in found)
    assert all(done.gradient_steps == done.env_steps == 0 for done in found)
    totals = [sum(done.units.values()) for done in found]
    assert totals[0] == 44
    assert totals[0] > totals[1] >= totals[2]
    assert found[-1].units == sp.wire(model.policy).units()


def test_a_round_that_fails_is_the_last() -> None:
    found = run(agent(), HARD)
    assert len(found) == 1
    assert not found[0].passed
    assert found[0].success == 0
    assert found[0].env_steps == 240
    assert found[0].gradient_steps > 0


def test_retraining_stops_when_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = iter([1.0, 0.0])  # passes at first, fails after the merge
    monkeypatch.setattr(
        "sb3_prune_clusters.rounds.success_rate", lambda *_, **__: next(rates)
    )
    before, after = run(agent(), EASY, rounds=1)
    assert before.env_steps == 0
    assert (after.merged_success, after.success) == (0, 1)
    assert after.passed
    assert after.env_steps == 30 * 4
    assert 0 < after.gradient_steps <= 30


def test_equal_seeds_give_equal_rounds() -> None:
    first, second, other = (run(agent(), EASY, seed=seed) for seed in (3, 3, 4))
    assert first == second
    assert [done.units for done in first] != [done.units for done in other]


def test_on_policy_agents_are_retrained_too() -> None:
    model = PPO(
        "MlpPolicy", arms(4), n_steps=15, batch_size=60, device="cpu", n_epochs=1
    )
    (done,) = run(model, HARD)
    assert done.env_steps == 240
    assert done.gradient_steps == 4


@pytest.mark.parametrize("steps", [240, 300])
def test_nobody_is_tested_twice(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """A test at the last step is the last one; else the steps end with one."""
    rates = iter([0.0] * 3 + [1.0] * 9)  # After the merge, at 120 and at 240 steps.

    def rate(*_: object, **__: object) -> float:
        return next(rates)

    monkeypatch.setattr(rounds, "success_rate", rate)
    monkeypatch.setattr(validation, "success_rate", rate)
    (found,) = run(agent(), HARD, max_steps_per_round=steps)[:1]
    at = [step for step, _ in found.history]
    assert at == sorted(set(at)) and at[-1] == found.env_steps
    assert found.passed == (steps == 300)


def test_forget_clears_moments_and_buffer() -> None:
    model = train(make_model("SAC"))
    assert model.replay_buffer.size()  # type: ignore[attr-defined]
    forget(model)
    assert not model.replay_buffer.size()  # type: ignore[attr-defined]
    assert all(not made.state for made in optimizers(model.policy).values())
    model.learn(100, reset_num_timesteps=True)


def test_mistakes_are_refused() -> None:
    with pytest.raises(ConfigError, match="rounds must be at least 0, got -1"):
        run(agent(), EASY, rounds=-1)
    with pytest.raises(ConfigError, match="max_steps_per_round must be at least 1"):
        prune_in_rounds(agent(), arms(4), arms(4), config=CONFIG, max_steps_per_round=0)


def test_forget_leaves_no_moment_of_the_entropy_coefficient() -> None:
    model: Any = train(make_model("SAC"))
    assert model.ent_coef_optimizer.state
    forget(model)
    assert not model.ent_coef_optimizer.state


def test_forget_leaves_no_episode_of_hindsight_replay() -> None:
    env = BitFlippingEnv(n_bits=4, max_steps=4)
    model: Any = DQN(
        "MultiInputPolicy",
        env,
        replay_buffer_class=HerReplayBuffer,
        policy_kwargs={"net_arch": [8, 8]},
        learning_starts=20,
        buffer_size=200,
        device="cpu",
    )
    model.learn(60)
    forget(model)
    model.learn(15, reset_num_timesteps=True)
    lengths = model.replay_buffer.ep_length
    assert (lengths > 0).sum() <= model.num_timesteps and lengths.max() <= 4


def test_recordings_and_tests_see_what_the_agent_is_trained_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train_env, test_env = VecNormalize(arms(4)), VecNormalize(arms(10))
    means = []

    def record(model: Any, env: Any, **more: Any) -> Any:
        means.append(env.obs_rms.mean - model.get_vec_normalize_env().obs_rms.mean)
        return record_episodes(model, env, **more)

    monkeypatch.setattr(rounds, "record_episodes", record)
    model = DQN(
        "MlpPolicy", train_env, policy_kwargs={"net_arch": [24, 20]}, device="cpu"
    )
    model.learn(40)
    given: Any = {"config": CONFIG, "test": EASY, "rounds": 1, "progress": False}
    prune_in_rounds(model, train_env, test_env, max_steps_per_round=40, **given)
    assert len(means) == 1 and (means[0] == 0).all()
    assert not (train_env.obs_rms.mean == 0).all()  # type: ignore[union-attr]


def test_features_go_on_learning(monkeypatch: pytest.MonkeyPatch) -> None:
    def env(count: int) -> VecEnv:
        return make_arm_vec(count, action_mode="continuous")

    kwargs: Any = {"net_arch": [8, 8], "ofe": {"blocks": 1, "units": 4}}
    model = SAC(
        sp.OFEXiSACPolicy,
        env(2),
        policy_kwargs=kwargs,
        learning_starts=20,
        batch_size=16,
        device="cpu",
    )
    before = [p.clone() for p in model.policy.ofe.parameters()]  # type: ignore[union-attr]
    given: Any = {"config": CONFIG, "test": HARD, "rounds": 0, "progress": False}
    prune_in_rounds(model, env(2), env(10), max_steps_per_round=60, **given)
    after = [*model.policy.ofe.parameters()]  # type: ignore[union-attr]
    assert not all(map(torch.equal, before, after))
