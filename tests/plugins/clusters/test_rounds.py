"""Rounds: tested before they are trained, and a failure is a result."""

import pytest
from sb3_prune_clusters.rounds import Round, forget, prune_in_rounds
from sb3_prune_clusters.strategy import ClustersConfig
from sb3_prune_envs import make_arm_vec
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv
from zoo import make_model, train

import sb3_prune as sp
from sb3_prune.evaluation import ValidationTest
from sb3_prune.exceptions import ConfigError
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
        max_steps_per_round=240,
        test=test,
        every=30,
        progress=False,
        **options,
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
