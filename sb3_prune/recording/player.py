"""Player: lets an agent act in a vectorised environment, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.recording.alike import check_alike
from sb3_prune.recording.leaving import check_free, leave
from sb3_prune.recording.normalisation import check_normalised
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.flow.lstms import empty_states, forget

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
        ConfigError: ``env`` has other spaces, does not normalise observations as the
            agent's own environment does, or is that in which the agent is training.

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
        if isinstance(model, BaseAlgorithm):  # A policy of one's own has no spaces.
            check_alike(model, env)
        check_free(model, env)
        check_normalised(model, env)
        self.model, self.env, self.greedy = model, env, greedy
        self.follow_critic_memory = follow_critic_memory
        self.masked = isinstance(model, MaskablePPO) and is_masking_supported(env)
        self.reset()

    def reset(self) -> None:
        """Begin an episode in every environment; training begins one later, too."""
        leave(self.model, self.env)
        self.observations: Any = self.env.reset()
        self.starts: Bools = np.ones(self.env.num_envs, dtype=bool)
        self._state: Any = None
        self.infos: list[dict[str, Any]] = []
        self._memory: RNNStates | None = None
        policy = self.model.policy if self.follow_critic_memory else None
        if isinstance(policy, RecurrentActorCriticPolicy):
            self._memory = empty_states(policy, self.env.num_envs)

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
