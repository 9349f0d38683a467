"""FeatureCallback: train an OFEXiNet together with the agent that reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sb3_contrib import TRPO
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecCheckNan, VecMonitor, VecNormalize
from tqdm import tqdm

from sb3_prune.callbacks.parents import require_rollouts
from sb3_prune.exceptions import (
    ConfigError,
    UnsupportedPolicyError,
    require_at_least,
    require_verbosity,
)
from sb3_prune.networks.ofexinet import OFEXiNet, ofexinet_of
from sb3_prune.warning import warn

Batch = tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]
"""Observations, actions and next observations."""
UPDATES_PER_LOG = 50
"""Number of updates whose mean loss is passed to the logger as one value."""
DRAWS = 10
"""Largest number of attempts to draw a batch in which enough rows have a successor."""


class FeatureCallback(BaseCallback):
    """Train the features extractor: pre-training first, then updates between rollouts.

    With an off-policy algorithm, the extractor learns from its own batches of the
    replay buffer. After each rollout it takes one step per gradient step of the agent,
    right before the agent learns.

    With an on-policy algorithm, the extractor learns from all rollouts so far. It waits
    until the agent has learnt from the last rollout: the log-probabilities in that
    rollout were computed with the old features.

    ``model.save`` saves the trained extractor, so a resumed run does not pre-train
    again. The rollouts are saved only in checkpoints, like a replay buffer.

    Logs ``ofe/aux_loss``, the mean squared error per predicted entry, and
    ``ofe/feature_gap``, the difference between features with batch statistics and with
    running statistics (see :meth:`OFEXiNet.feature_gap`).

    Args:
        pretraining: Updates before the first gradient step of the agent. None takes as
            many as there are random steps (``learning_starts``), or none on-policy.
        batch_size: Size of the batches; None takes the algorithm's, or 256 on-policy.
        updates: Updates per rollout. None takes one per gradient step of the agent, or
            one per time step on-policy.
        buffer_size: Number of transitions that are kept on-policy.
        gap_every: Updates between two measurements of the feature gap.
        verbose: 1 shows a progress bar of the pre-training.

    Raises:
        ConfigError: A number is not whole or too small, or the batch size is 1 although
            the extractor normalises over the batch.
        UnsupportedPolicyError: When ``learn()`` starts: the policy has no OFEXiNet, or
            the algorithm is TRPO.
    """

    def __init__(
        self,
        pretraining: int | None = None,
        batch_size: int | None = None,
        *,
        updates: int | None = None,
        buffer_size: int = 1_000_000,
        gap_every: int = 1000,
        verbose: int = 0,
    ) -> None:
        super().__init__(verbose)
        require_verbosity(verbose)
        given = {"batch_size": batch_size, "buffer_size": buffer_size}
        given |= {"updates": updates, "gap_every": gap_every}
        for name, value in given.items():
            if value is not None:
                require_at_least(name, value)
        if pretraining is not None:
            require_at_least("pretraining", pretraining, 0)
        self.pretraining = pretraining
        self.batch_size = batch_size
        self.updates = updates
        self.buffer_size = buffer_size
        self.gap_every = gap_every
        self._last_steps = 0
        self._raw: list[np.ndarray] = []
        self._told = False
        self._losses: list[torch.Tensor] = []

    @property
    def net(self) -> OFEXiNet:
        """The features extractor of the model in training."""
        net: OFEXiNet = self.model.policy.ofe  # type: ignore[assignment]
        return net

    @property
    def _size(self) -> int:
        """Size of the batches."""
        model: Any = self.model
        off_policy = isinstance(model, OffPolicyAlgorithm)
        return self.batch_size or (model.batch_size if off_policy else 256)

    def _init_callback(self) -> None:
        if ofexinet_of(self.model.policy) is None:
            raise UnsupportedPolicyError(
                f"{type(self.model.policy).__name__} has no features extractor that "
                "FeatureCallback can train: use an OFEXi...Policy."
            )
        if isinstance(self.model, TRPO):
            raise UnsupportedPolicyError(
                "TRPO needs the gradient of every parameter of its policy, but the "
                "parameters of an OFEXiNet take no gradient from the agent: use PPO."
            )
        if self._size == 1 and self.net.config.norm == "batch":
            raise ConfigError("batch_size must be at least 2 for norm='batch', got 1.")
        self.net.memory.resize(self.buffer_size)
        self._losses.clear()

    def _on_training_start(self) -> None:
        require_rollouts(self)
        self._last_steps, self._told = self.model.num_timesteps, False

    def _on_step(self) -> bool:
        require_rollouts(self, told=self._told)
        self._look()
        return True

    def _look(self) -> None:
        """Keep the last observations as they were before they were normalised."""
        env = self._statistics
        if env is not None:
            self._raw.append(np.asarray(env.get_original_obs()))

    @property
    def _statistics(self) -> VecNormalize | None:
        """What normalises an on-policy model's observations last; None if unknown."""
        if isinstance(self.model, OffPolicyAlgorithm):
            return None
        env: Any = self.model.get_env()
        while isinstance(env, (VecMonitor, VecCheckNan)):  # They pass them on.
            env = env.venv
        return env if isinstance(env, VecNormalize) else None

    def _on_rollout_end(self) -> None:
        model: Any = self.model
        if not isinstance(model, OffPolicyAlgorithm):
            self._remember()
            return
        if model.num_timesteps > model.learning_starts:
            self._learn()
        self._last_steps = model.num_timesteps

    def _remember(self) -> None:
        memory = self.net.memory
        first = not memory.steps
        memory.add_rollout(self.model, np.stack(self._raw) if self._raw else None)
        if first and not len(memory):
            warn(
                "FeatureCallback has nothing to learn from: every step of the rollout "
                "ended its episode."
            )

    def _on_rollout_start(self) -> None:
        self._told = True
        memory = self.net.memory
        if memory.steps and len(memory):
            self._learn()
            memory.steps = 0
        self._raw.clear()
        self._look()

    def _on_training_end(self) -> None:
        self._on_rollout_start()

    def _learn(self) -> None:
        if not self.net.pretrained:
            count = self._pretraining_updates()
            hidden = None if self.verbose else True  # None hides it off terminals.
            for _ in tqdm(range(count), "Pre-training features", disable=hidden):
                self._update()
            self.net.pretrained = True
        for _ in range(self._updates()):
            self._update()

    def _pretraining_updates(self) -> int:
        if self.pretraining is not None:
            return self.pretraining
        return int(getattr(self.model, "learning_starts", 0))

    def _updates(self) -> int:
        if self.updates is not None:
            return self.updates
        steps = int(getattr(self.model, "gradient_steps", self.net.memory.steps))
        return steps if steps >= 0 else self.model.num_timesteps - self._last_steps

    def _update(self) -> None:
        batch, net = self._sample(), self.net
        if batch is None:
            return
        self._losses.append(net.update(*batch))
        if len(self._losses) >= UPDATES_PER_LOG:
            loss = float(torch.stack(self._losses).mean())
            self.logger.record_mean("ofe/aux_loss", loss)
            self._losses.clear()
        if net.updates % self.gap_every == 0:
            self.logger.record("ofe/feature_gap", net.feature_gap(*batch[:2]))

    def _sample(self) -> Batch | None:
        model: Any = self.model
        if not isinstance(model, OffPolicyAlgorithm):
            memory = self.net.memory
            return memory.sample(self._size, model.device, self._statistics)
        assert model.replay_buffer is not None
        return _one_step(model.replay_buffer, self._size, model.get_vec_normalize_env())


def _one_step(
    buffer: ReplayBuffer, size: int, env: VecNormalize | None
) -> Batch | None:
    """Draw transitions of one step with their true next observations.

    Returns:
        At most ``size`` transitions; None if too few steps have a next observation.
    """
    for _ in range(DRAWS):
        drawn = _draw(buffer, size, env)
        before, after = drawn.observations.float(), drawn.next_observations.float()
        if not buffer.optimize_memory_usage:
            return before, drawn.actions, after
        # This buffer stores no final observations: after the end of an episode it has
        # the first observation of the next one.
        goes_on = drawn.dones[:, 0] == 0
        if int(goes_on.sum()) >= min(size, 2):  # Batch statistics need two rows.
            return before[goes_on], drawn.actions[goes_on], after[goes_on]
    return None


def _draw(
    buffer: ReplayBuffer, size: int, env: VecNormalize | None
) -> ReplayBufferSamples:
    if not isinstance(buffer, NStepReplayBuffer):
        return buffer.sample(size, env=env)
    rows = np.random.randint(0, buffer.size(), size)
    return ReplayBuffer._get_samples(buffer, rows, env)
