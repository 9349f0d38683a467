"""Player: lets an agent act in a vectorised environment, step by step."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from gymnasium.wrappers import NormalizeObservation
from numpy.typing import NDArray
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import (
    VecEnv,
    VecNormalize,
    unwrap_vec_normalize,
)

from sb3_prune.exceptions import ConfigError
from sb3_prune.recording.alike import check_alike
from sb3_prune.surgery.flow.forwards import Inputs

Bools = NDArray[np.bool_]


class Player:
    """Lets an agent act, greedily by default.

    LSTM states and action masks are passed to the agent if it uses them.

    Args:
        model: The agent, of any supported algorithm.
        env: A vectorised environment.
        greedy: Take the best action instead of drawing one.
        follow_critic_memory: Follow the LSTM state of the critic, too, for
            :meth:`inputs`; this runs a recurrent policy twice a step.

    Raises:
        ConfigError: The agent's own environment normalises observations, ``env`` does
            not; or ``env`` has other spaces.

    Attributes:
        infos: The infos of the last step, one per environment.
        actions: The actions of the last step, as the environments took them.
    """

    def __init__(
        self,
        model: BaseAlgorithm,
        env: VecEnv,
        *,
        greedy: bool = True,
        follow_critic_memory: bool = False,
    ) -> None:
        check_normalised(model, env)
        if isinstance(model, BaseAlgorithm):  # A policy of one's own may have none.
            check_alike(model, env)
        self.model, self.env, self.greedy = model, env, greedy
        self.follow_critic_memory = follow_critic_memory
        self.masked = isinstance(model, MaskablePPO) and is_masking_supported(env)
        self.reset()

    def reset(self) -> None:
        """Begin an episode in every environment."""
        self.observations: Any = self.env.reset()
        self.starts: Bools = np.ones(self.env.num_envs, dtype=bool)
        self._state: Any = None
        self.infos: list[dict[str, Any]] = []
        self._memory: RNNStates | None = None
        if self.follow_critic_memory:
            self._memory = empty_memory(self.model.policy, self.env.num_envs)

    def inputs(self) -> Inputs:
        """Return the inputs of the next step, with the LSTM states of the critic."""
        seen = self.model.policy.obs_to_tensor(self.observations)[0]
        return Inputs(observations=seen, lstm_states=self._memory)

    def step(self) -> tuple[NDArray[np.float32], Bools]:
        """Act once in every environment.

        Environments whose episode has ended are already at the start of the next one.

        Returns:
            The rewards, and whether the step ended the episode; both (environments,).
        """
        masks = {"action_masks": get_action_masks(self.env)} if self.masked else {}
        actions, self._state = self.model.predict(
            self.observations,
            self._state,
            self.starts,
            deterministic=self.greedy,
            **masks,
        )
        self.actions = actions
        going_on = self._next_memory()
        self.observations, rewards, self.starts, self.infos = self.env.step(actions)
        if going_on is not None:
            self._memory = forget(going_on, self.starts)
        return rewards, self.starts

    @torch.no_grad()
    def _next_memory(self) -> RNNStates | None:
        """Run the LSTMs of actor and critic, as ``predict`` runs the actor's only."""
        if self._memory is None:
            return None
        policy = self.model.policy
        assert isinstance(policy, RecurrentActorCriticPolicy)
        never = torch.zeros(self.env.num_envs, device=policy.device)
        seen: Any = self.inputs().observations
        return policy(seen, self._memory, never, deterministic=True)[3]  # type: ignore[no-any-return]


def empty_memory(policy: Any, environments: int) -> RNNStates | None:
    """Return LSTM states of zeros, of actor and critic; None if a policy has none.

    Args:
        policy: The policy.
        environments: Number of environments.
    """
    if not isinstance(policy, RecurrentActorCriticPolicy):
        return None
    layers, _, size = policy.lstm_hidden_state_shape
    zeros = torch.zeros(layers, environments, size, device=policy.device)
    return RNNStates((zeros, zeros), (zeros, zeros))


def forget(memory: RNNStates, starts: Bools) -> RNNStates:
    """Set the LSTM states to zero in environments that begin an episode.

    Args:
        memory: The states of actor and critic.
        starts: Whether an episode begins, (environments,).
    """
    (a, b), (c, d) = memory
    keep = torch.as_tensor(~starts, device=a.device).view(1, -1, 1)
    return RNNStates((a * keep, b * keep), (c * keep, d * keep))


def check_normalised(model: BaseAlgorithm, env: VecEnv) -> None:
    """Check that observations are normalised if an agent's own environment does so.

    An object that only has ``predict``, as a policy of one's own, has no environment.

    Raises:
        ConfigError: They are not.

    Warns:
        UserWarning: They are, by a wrapper of Gymnasium, which nobody can share.
    """
    known = isinstance(model, BaseAlgorithm)
    own = model.get_vec_normalize_env() if known else None
    other = unwrap_vec_normalize(env)
    training = model.get_env() if known else None
    same = training is not None and training.unwrapped is env.unwrapped
    if not same and any(env.env_is_wrapped(NormalizeObservation)):
        warnings.warn(
            "env normalises by Gymnasium's NormalizeObservation, whose statistics are "
            "its own and go on learning: the agent was trained with others. Take "
            "SB3's VecNormalize, whose statistics can be shared.",
            stacklevel=2,
        )
    bare = other is None or not other.norm_obs
    if own is not None and own.norm_obs and bare:
        raise ConfigError(
            "The agent's own environment is normalised by a VecNormalize, env is not: "
            "wrap it in one with the same statistics."
        )


@contextmanager
def frozen_statistics(env: VecEnv) -> Iterator[None]:
    """Stop every ``VecNormalize`` from updating statistics and scaling rewards."""
    layers = []
    inner: Any = env
    while hasattr(inner, "venv"):
        layers += [inner] if isinstance(inner, VecNormalize) else []
        inner = inner.venv
    before = [(layer, layer.training, layer.norm_reward) for layer in layers]
    try:
        for layer in layers:
            layer.training = layer.norm_reward = False
        yield
    finally:
        for layer, training, norm_reward in before:
            layer.training, layer.norm_reward = training, norm_reward
