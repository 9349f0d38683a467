"""Inputs: recent observations, actions and LSTM states of an agent."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import numpy as np
import torch
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer, RolloutBuffer
from stable_baselines3.common.utils import obs_as_tensor
from stable_baselines3.her import HerReplayBuffer

from sb3_prune.exceptions import FewObservationsError, NoObservationsError
from sb3_prune.recording.normalisation import check_stored
from sb3_prune.recording.observations import mapped
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.flow.quiet import same_random_state

LEAST_INPUTS = 20
"""Fewest observations from which a strategy looks at activations, or layers are fitted
or distilled."""


def require_inputs(count: int, hint: str) -> None:
    """Check that there are enough observations for a strategy to look at activations.

    Args:
        count: Number of observations.
        hint: What can be done about too few.

    Raises:
        FewObservationsError: There are fewer than :data:`LEAST_INPUTS`.
    """
    if count < LEAST_INPUTS:
        raise FewObservationsError(
            f"The strategy looks at activations on {count} observations, but needs "
            f"{LEAST_INPUTS}: {hint}."
        )


def recent_inputs(model: BaseAlgorithm, batch_size: int = 256) -> Inputs:
    """Return recent inputs from a model's buffer, or else its last observation.

    On-policy algorithms empty their buffer before each rollout, so at the start of a
    rollout only the last observation is left. If you need more there, call this at the
    end of the rollout before and keep the result.

    Args:
        model: A model that has observed its environment.
        batch_size: Largest number of observations.

    Raises:
        NoObservationsError: The model has no observations yet, or none of which is
            known that it sees them so.
    """
    replay = getattr(model, "replay_buffer", None)
    if replay is not None and _can_sample(replay):
        check_stored(model)
        with same_random_state():
            return _sampled(replay, batch_size, model.get_vec_normalize_env())
    rollout = getattr(model, "rollout_buffer", None)
    if rollout is not None and rollout.size():
        return _Rollout(rollout, batch_size, model.device).inputs()
    if model._last_obs is None:
        raise NoObservationsError(
            "No recent observations: both the buffer and the last observation of this "
            f"{type(model).__name__} are empty. Call learn() first."
        )
    observations = obs_as_tensor(model._last_obs, model.device)
    states = getattr(model, "_last_lstm_states", None)
    return Inputs(observations=observations, lstm_states=states)


def _can_sample(replay: Any) -> bool:
    """Tell whether a replay buffer has transitions; for hindsight, whole episodes."""
    if isinstance(replay, HerReplayBuffer):
        return bool((replay.ep_length > 0).any())
    return bool(replay.size())


def _sampled(replay: Any, count: int, env: Any) -> Inputs:
    """Return different transitions of a replay buffer, drawn from all of it.

    A buffer that relabels goals, or is no buffer of SB3, draws itself, and may draw a
    transition twice.
    """
    steps = replay.size()
    total = steps * replay.n_envs
    if isinstance(replay, HerReplayBuffer) or not isinstance(replay, ReplayBuffer):
        batch = replay.sample(min(count, total), env=env)
        return Inputs(observations=batch.observations, actions=batch.actions.float())
    rng = np.random.default_rng(np.random.randint(2**31))
    chosen = rng.choice(total, min(count, total), replace=False, shuffle=False)
    where = np.unravel_index(chosen, (steps, replay.n_envs))
    seen = mapped(itemgetter(where), replay.observations)
    seen = replay._normalize_obs(seen, env)
    return Inputs(
        observations=obs_as_tensor(seen, replay.device),
        actions=replay.to_torch(replay.actions[where]).float(),
    )


class _Rollout:
    """Evenly spaced steps of a rollout, before or after training on it.

    SB3 flattens the arrays of a rollout buffer when training on it begins.
    """

    def __init__(self, buffer: RolloutBuffer, count: int, device: torch.device) -> None:
        self.buffer = buffer
        self.device = device
        total = buffer.size() * buffer.n_envs
        self.chosen = np.linspace(0, total - 1, min(total, count)).round().astype(int)

    def pick(self, array: np.ndarray) -> torch.Tensor:
        """Return an array's entries at the chosen steps, (batch, ...)."""
        if not self.buffer.generator_ready:  # (steps, environments, ...)
            array = self.buffer.swap_and_flatten(array[: self.buffer.size()])
        return torch.as_tensor(array[self.chosen], device=self.device)

    def inputs(self) -> Inputs:
        """Return the inputs of the networks at the chosen steps."""
        observations = mapped(self.pick, self.buffer.observations)
        if not hasattr(self.buffer, "hidden_states_pi"):
            return Inputs(observations=observations)
        states = RNNStates(
            (self._state("hidden_states_pi"), self._state("cell_states_pi")),
            (self._state("hidden_states_vf"), self._state("cell_states_vf")),
        )
        return Inputs(observations=observations, lstm_states=states)

    def _state(self, name: str) -> torch.Tensor:
        """Return a state of the LSTM at the chosen steps; zero where episodes start."""
        array = getattr(self.buffer, name)
        if not self.buffer.generator_ready:
            array = array.swapaxes(1, 2)  # (steps, environments, layers, hidden)
        going_on = 1 - self.pick(self.buffer.episode_starts).reshape(1, -1, 1)
        return self.pick(array).transpose(0, 1) * going_on  # (layers, batch, hidden)
