"""Playing: a new environment, as the old agent would see and remember it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.exceptions import TransplantError
from sb3_prune.recording.normalisation import frozen_statistics
from sb3_prune.recording.observations import joined
from sb3_prune.recording.reservoir import join
from sb3_prune.recording.samples import part
from sb3_prune.surgery.flow.forwards import Inputs, draw, sample_inputs
from sb3_prune.surgery.flow.lstms import empty_states, forget
from sb3_prune.surgery.flow.ports import by_key
from sb3_prune.surgery.flow.quiet import quiet
from sb3_prune.transplanting.heads import reads_actions
from sb3_prune.transplanting.ids import Sources
from sb3_prune.transplanting.observing import ObservationMap


def played_inputs(
    old: BaseAlgorithm,
    new: BaseAlgorithm,
    seen: ObservationMap,
    actions: Sources,
    steps: int,
) -> Inputs:
    """Play random actions in the environment of a new agent.

    Args:
        old: The old agent.
        new: The new agent. Statistics of its ``VecNormalize`` do not move.
        seen: Which new observation is which old one. Old observations that are gone
            are drawn from their space.
        actions: Which old action each new one is. Old actions that are gone are drawn.
        steps: Number of steps of all environments side by side.

    Returns:
        Inputs of the old agent's networks, (steps * environments, ...), with what its
        LSTMs remember of the episodes, and with the actions if its critics read them.
    """
    env = new.get_env()
    assert env is not None
    found, acted, starts = _played(env, new, steps)
    drawn = sample_inputs(old.policy, steps * env.num_envs).observations
    onto = {key: each.cpu().numpy() for key, each in by_key(drawn).items()}
    whole = isinstance(drawn, dict)
    back = seen.inverse().mapped(found, onto if whole else onto[""])
    if (scales := old.get_vec_normalize_env()) is not None:
        back = scales.normalize_obs(back)
    inputs = Inputs(
        observations=old.policy.obs_to_tensor(back)[0],
        actions=_read(old, new, acted, actions) if reads_actions(old.policy) else None,
    )
    return _remembered(old.policy, inputs, starts)


def _read(
    old: BaseAlgorithm, new: BaseAlgorithm, acted: NDArray[Any], actions: Sources
) -> torch.Tensor:
    """Return actions as critics of the old agent read them, (steps, actions).

    Replay buffers hold actions that are scaled to [-1, 1], whatever their bounds are.
    """
    theirs = new.policy.scale_action(acted).reshape(len(acted), -1)
    rng = np.random.default_rng(1)
    ours = draw(old.action_space, len(acted), rng)
    ours = old.policy.scale_action(ours).reshape(len(acted), -1)
    for place, source in enumerate(actions):
        if source is not None:
            ours[:, source] = theirs[:, place]
    return torch.as_tensor(ours, device=old.device)


def _remembered(policy: Any, inputs: Inputs, starts: NDArray[np.bool_]) -> Inputs:
    """Add what LSTMs remember of the episodes, which start at (steps, environments)."""
    count = starts.shape[1]
    if not isinstance(policy, RecurrentActorCriticPolicy):
        return inputs
    found, memory = [], empty_states(policy, count)
    never = torch.zeros(count, device=policy.device)
    with quiet(policy):
        for step, begins in enumerate(starts):
            memory = forget(memory, begins)
            now = part(inputs, slice(step * count, (step + 1) * count))
            found.append(replace(now, lstm_states=memory))
            memory = policy(now.observations, memory, never, deterministic=True)[3]
    return join(found)


def _played(
    env: VecEnv, new: BaseAlgorithm, steps: int
) -> tuple[Any, NDArray[Any], NDArray[np.bool_]]:
    """Return observations, actions, and where episodes start, (steps, environments).

    Observations are those before VecNormalize, by key if there are keys.
    """
    rng = np.random.default_rng(0)
    found: list[Any] = []
    acted: list[NDArray[Any]] = []
    starts = [np.ones(env.num_envs, dtype=bool)]
    scales = new.get_vec_normalize_env()
    if scales is not None and shapes(scales) != shapes(new):
        raise TransplantError(
            f"Nothing can be played: VecNormalize gets observations of "
            f"{scales.observation_space}, the agent those of {new.observation_space}. "
            "Give play=0, or put VecNormalize around what changes them."
        )
    with frozen_statistics(env):
        observations = env.reset()
        for _ in range(steps):
            found.append(scales.get_original_obs() if scales else observations)
            acted.append(draw(env.action_space, env.num_envs, rng))
            observations, _, ended, _ = env.step(acted[-1])
            starts.append(ended)
    return joined(found), np.concatenate(acted), np.stack(starts[:steps])


def shapes(of: VecEnv | BaseAlgorithm) -> dict[str, Any]:
    """Return the shapes of observations by key.

    Args:
        of: What gives or gets them.
    """
    return {key: each.shape for key, each in by_key(of.observation_space).items()}
