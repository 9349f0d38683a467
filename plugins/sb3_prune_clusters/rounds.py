"""Rounds: merge units, retrain until the validation test passes, and repeat.

Source: Feldotto et al. 2022, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv
from tqdm.auto import tqdm

from sb3_prune.callbacks import FeatureCallback, ValidationCallback
from sb3_prune.callbacks.validation import follow_statistics
from sb3_prune.evaluation.validation import ValidationTest, success_rate
from sb3_prune.exceptions import ConfigError, require_at_least, require_flag
from sb3_prune.networks.ofexinet import ofexinet_of
from sb3_prune.networks.transitions import Transitions
from sb3_prune.policies import adopt
from sb3_prune.recording import record_episodes
from sb3_prune.runs.learning import learn_arguments
from sb3_prune.surgery import apply, wire
from sb3_prune.surgery.optimizer import optimizers
from sb3_prune_clusters.strategy import ClustersConfig, propose_merges

SEEDS_PER_ROUND = 10_000_000
"""Distance of the seeds of two rounds.

Environment i gets seed + i. The distance is so large that no two tests or recordings
share an episode.
"""


@dataclass(frozen=True, kw_only=True)
class Round:
    """One merge and the retraining after it; round 0 merges nothing."""

    number: int
    """Number of the round, from 0."""
    units: Mapping[str, int]
    """Units of every hidden layer after merging."""
    merged_success: float
    """Share of test episodes that succeed right after merging."""
    success: float
    """Share of test episodes that succeed in the last test, after retraining."""
    gradient_steps: int
    """Gradient steps of retraining, as the algorithm counts its updates."""
    env_steps: int
    """Environment steps of retraining."""
    passed: bool
    """Whether the last test was passed."""
    history: tuple[tuple[int, float], ...] = ()
    """For every test, the environment steps of retraining so far (the first is 0) and
    the share of episodes that succeed."""


def prune_in_rounds(
    model: BaseAlgorithm,
    env: VecEnv,
    test_env: VecEnv,
    *,
    config: ClustersConfig | None = None,
    rounds: int | None = None,
    max_steps_per_round: int,
    test: ValidationTest | None = None,
    every: int = 250,
    fresh: bool = True,
    seed: int = 0,
    progress: bool = True,
) -> list[Round]:
    """Merge an agent's units and retrain it, round by round, in place.

    In each round, the agent is tested right after the merge and retrained only if it
    fails. Round 0 merges nothing: it trains an agent that does not pass at the start.
    If the agent does not pass within ``max_steps_per_round``, no further round follows.

    Args:
        model: The agent; a stock policy is adopted.
        env: Environment to train in.
        test_env: Another environment, to record and test in.
        config: How to merge; its ``begin`` and ``end`` are not used here.
        rounds: Number of merges; by default that of ``config``.
        max_steps_per_round: Environment steps after which retraining is given up.
        test: The validation test to pass.
        every: Calls of ``env.step`` between two tests.
        fresh: Retrain with a new optimiser state and an empty replay buffer.
        seed: Seed of training episodes, recordings and tests.
        progress: Show progress bars.

    Returns:
        The rounds, beginning with round 0.

    Raises:
        ConfigError: ``rounds`` or ``seed`` is negative, another number not positive,
            ``fresh`` no flag, or merges should be compensated.
    """
    config, test = config or ClustersConfig(), test or ValidationTest()
    count = config.rounds if rounds is None else rounds
    require_at_least("rounds", count, 0)
    require_at_least("max_steps_per_round", max_steps_per_round)
    require_at_least("every", every)
    require_at_least("seed", seed, 0)
    require_flag("fresh", fresh)
    if config.compensate is not False:
        raise ConfigError(
            "prune_in_rounds retrains instead of compensating: set compensate to "
            f"False, got {config.compensate}."
        )
    adopt(model)
    env.seed(seed)
    model.set_env(env)
    work = _Work(model, test_env, config, test, every, fresh, progress)
    found: list[Round] = []
    for number in tqdm(range(count + 1), disable=not progress, desc="rounds"):
        if number:
            work.merge(seed + number * SEEDS_PER_ROUND)
        done = work.retrain(
            number, max_steps_per_round, seed + number * SEEDS_PER_ROUND
        )
        found.append(done)
        if not done.passed:
            break
    return found


@dataclass(frozen=True)
class _Work:
    """The two halves of a round."""

    model: BaseAlgorithm
    test_env: VecEnv
    config: ClustersConfig
    test: ValidationTest
    every: int
    fresh: bool
    progress: bool

    def merge(self, seed: int) -> None:
        """Record greedy episodes and merge units with similar activations."""
        follow_statistics(self.model, self.test_env)
        recording = record_episodes(
            self.model,
            self.test_env,
            episodes=self.config.episodes,
            seed=seed,
            progress=self.progress,
        )
        recorded = recording.activations
        apply(self.model, propose_merges(wire(self.model), recorded, self.config))

    def retrain(self, number: int, steps: int, seed: int) -> Round:
        """Test the agent; train it until the test passes or the steps are used up."""
        merged = self._success(seed + SEEDS_PER_ROUND // 2)
        success, updates, used = merged, 0, 0
        history = [(0, merged)]
        if not self.test.passed(merged):
            if self.fresh:
                forget(self.model)
            before: int = getattr(self.model, "_n_updates", 0)
            # These seeds overlap neither the recording's nor those of the test above.
            later = self._learn(steps, seed + SEEDS_PER_ROUND // 2 + 1_000_000)
            history += later
            success = history[-1][1]
            updates = getattr(self.model, "_n_updates", 0) - before
            used = self.model.num_timesteps
        return Round(
            number=number,
            units=wire(self.model.policy).units(),
            merged_success=merged,
            success=success,
            gradient_steps=updates,
            env_steps=used,
            passed=self.test.passed(success),
            history=tuple(history),
        )

    def _learn(self, steps: int, seed: int) -> list[tuple[int, float]]:
        validation = ValidationCallback(
            self.test_env, self.test, every=self.every, seed=seed
        )
        model: Any = self.model
        learnt = ofexinet_of(model.policy) is not None
        model.learn(
            steps,
            callback=[FeatureCallback(), validation] if learnt else validation,
            reset_num_timesteps=True,
            progress_bar=self.progress,
            **learn_arguments(model),
        )
        tests = [(e["timesteps"], e["success_rate"]) for e in validation.history]
        # The steps may end between two tests; on-policy, the last update is untested.
        untested = not tests or tests[-1][0] < model.num_timesteps
        if not validation.passed and (untested or isinstance(model, OnPolicyAlgorithm)):
            tests.append((model.num_timesteps, self._success(seed + 1_000_000)))
        return tests

    def _success(self, seed: int) -> float:
        follow_statistics(self.model, self.test_env)
        return success_rate(
            self.model,
            self.test_env,
            episodes=self.test.episodes,
            reward=self.test.reward,
            seed=seed,
        )


def forget(model: BaseAlgorithm) -> None:
    """Clear the state of a model's optimisers, and all that it remembers of play."""
    for optimizer in optimizers(model).values():
        optimizer.state.clear()
    replay: Any = getattr(model, "replay_buffer", None)
    if replay is not None:
        replay.reset()
    if isinstance(replay, HerReplayBuffer):  # SB3 leaves it its episodes.
        for kept in (replay.ep_start, replay.ep_length, replay._current_ep_start):
            kept.fill(0)
    extractor = ofexinet_of(model.policy)
    if extractor is not None:  # Its rollouts, on-policy.
        extractor.memory = Transitions(extractor.memory.capacity)
