"""ValidationCallback: stop training once the agent passes its validation test."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import gymnasium as gym
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import (
    VecEnv,
    VecNormalize,
    unwrap_vec_normalize,
)

from sb3_prune.evaluation.episodes import as_vec_env
from sb3_prune.evaluation.validation import ValidationTest, success_rate
from sb3_prune.exceptions import (
    ConfigError,
    UnknownNameError,
    require_at_least,
    require_verbosity,
    shown,
)
from sb3_prune.plugins.options import entry_of
from sb3_prune.recording.normalisation import check_wrapped
from sb3_prune.seeds import TEST_SEED

COPIES = 8
"""Number of environments that are made of an id."""


class ValidationCallback(BaseCallback):
    """Test the greedy agent on new episodes and stop ``learn()`` when it passes.

    Every test plays other episodes, so that the agent cannot pass by fitting a fixed
    set. Logs ``validation/success_rate``. YAML files can build the callback from the id
    of an environment and the options of the test.

    Args:
        env: Environment for the tests, plain or vectorised; not the training
            environment. If the training one is normalised, wrap it in a
            ``VecNormalize`` as well; it gets the statistics before every test. An id
            such as ``"CartPole-v1"`` makes :data:`COPIES` of that environment, and
            normalises them as the training one is.
        test: The validation test, or its options; None takes the default test.
        every: Calls of ``env.step`` between two tests.
        start: Timesteps before which a passed test does not stop training.
        seed: Seed of the episodes of the first test. With that of the training, the
            first test would begin where training episodes did.
        verbose: 1 prints the result of every test.

    Raises:
        ConfigError: ``env`` is no environment, or a number is too small. When training
            starts: ``env`` is the training environment, or that of an id has other
            observations than the agent.
            While training, see :func:`~sb3_prune.evaluation.success_rate`.
        UnknownNameError: ``test`` has an option that does not exist.

    Attributes:
        history: ``{"timesteps": ..., "success_rate": ...}`` of every test.
        passed: Whether the agent passed the last test.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any] | VecEnv | str,
        test: ValidationTest | Mapping[str, Any] | None = None,
        *,
        every: int = 250,
        start: int = 0,
        seed: int = TEST_SEED,
        verbose: int = 0,
    ) -> None:
        super().__init__(verbose)
        require_verbosity(verbose)
        require_at_least("every", every)
        require_at_least("start", start, 0)
        require_at_least("seed", seed, 0)
        self.test = _as_test(test)
        self._id = env if isinstance(env, str) else None
        self.env = _made(env) if isinstance(env, str) else as_vec_env(env)
        self._bare = self.env
        self.every = every
        self.start = start
        self.seed = seed
        self.history: list[dict[str, Any]] = []
        self.passed = False

    def state_dict(self) -> dict[str, Any]:
        """Return the tests so far, so that a resumed run plays other episodes."""
        return {"history": list(self.history), "passed": self.passed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the tests of an interrupted run.

        Raises:
            CheckpointError: A value is missing or has a wrong type.
        """
        history = entry_of(state, "history", list[dict[str, Any]])
        self.history, self.passed = history, entry_of(state, "passed", bool)

    def _init_callback(self) -> None:
        if self._id is not None:
            self.env = _like_training(self.model, self._bare, self._id)
        training = self.model.get_env()
        if training is not None and _share(self.env, training):
            raise ConfigError(
                "env is the training environment, whose episodes the tests would "
                "break off: make another one."
            )

    def _on_step(self) -> bool:
        if self.n_calls % self.every:
            return True
        follow_statistics(self.model, self.env)
        rate = success_rate(
            self.model,
            self.env,
            episodes=self.test.episodes,
            reward=self.test.reward,
            # Environment i gets seed + i: use no seed of an earlier test again.
            seed=self.seed + len(self.history) * self.test.episodes,
        )
        self.passed = self.test.passed(rate)
        self.history.append({"timesteps": self.num_timesteps, "success_rate": rate})
        self.logger.record("validation/success_rate", rate)
        if self.verbose:
            print(f"{self.num_timesteps} steps: {rate:.1%} of the episodes succeed")
        return not (self.passed and self.num_timesteps >= self.start)


def _share(one: VecEnv, other: VecEnv) -> bool:
    """Tell whether two vectorised environments step the same ones."""
    if one.unwrapped is other.unwrapped:
        return True
    inner = [
        {id(env.unwrapped) for env in getattr(each.unwrapped, "envs", ())}
        for each in (one, other)
    ]
    return bool(inner[0] & inner[1])


def _as_test(test: ValidationTest | Mapping[str, Any] | None) -> ValidationTest:
    if test is None or isinstance(test, ValidationTest):
        return test or ValidationTest()
    if not isinstance(test, Mapping):
        raise ConfigError(
            f"test must be a ValidationTest, a mapping of its options or None, got "
            f"{shown(test)}."
        )
    known = [option.name for option in fields(ValidationTest)]
    for name in test:
        if name not in known:
            raise UnknownNameError("option of the validation test", str(name), known)
    return ValidationTest(**test)


def _made(env_id: str) -> VecEnv:
    try:
        return make_vec_env(env_id, COPIES)
    except Exception as error:  # An id may name any module, and run its code.
        raise ConfigError(f"env '{env_id}' cannot be made: {error!r}.") from error


def _like_training(model: BaseAlgorithm, env: VecEnv, env_id: str) -> VecEnv:
    """Wrap an environment like the training one: images transposed, normalised.

    Raises:
        ConfigError: It still has other observations than the agent.
    """
    env, own = BaseAlgorithm._wrap_env(env), model.get_vec_normalize_env()
    if own is not None and unwrap_vec_normalize(env) is None:
        env = VecNormalize(
            env,
            training=False,
            norm_obs=own.norm_obs,
            norm_reward=False,
            clip_obs=own.clip_obs,
            epsilon=own.epsilon,
            norm_obs_keys=own.norm_obs_keys if own.norm_obs else None,
        )
    if env.observation_space != model.observation_space:
        raise ConfigError(
            f"'{env_id}' has the observations {env.observation_space}, the agent "
            f"{model.observation_space}: pass an environment that is wrapped like the "
            "training one."
        )
    return env


def follow_statistics(model: BaseAlgorithm, env: VecEnv) -> None:
    """Give the statistics of the training environment to that of the tests.

    Raises:
        ConfigError: The test environment is not normalised, the training one is.
    """
    check_wrapped(model, env)
    own, other = model.get_vec_normalize_env(), unwrap_vec_normalize(env)
    if own is not None and other is not None and own.norm_obs:
        other.obs_rms = copy.deepcopy(own.obs_rms)
