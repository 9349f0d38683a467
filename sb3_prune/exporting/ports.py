"""Ports: what goes into the decision of an agent, by name, shape and type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.policies import BasePolicy

from sb3_prune.exporting.program import Port


def observation_ports(
    space: spaces.Space[Any], normalised: Sequence[str] = ()
) -> tuple[Port, ...]:
    """Return the ports of the observations, those of a dictionary in its order.

    Args:
        space: The observations that the agent reads.
        normalised: Keys that are normalised: these come as float64.
    """
    parts = space.spaces if isinstance(space, spaces.Dict) else {"": space}
    names = _names(parts)
    return tuple(
        Port(
            name=names[key],
            shape=tuple(part.shape or ()),
            dtype=np.dtype(np.float64) if key in normalised else _dtype(part),
            kind="observation",
            key=key if isinstance(space, spaces.Dict) else None,
        )
        for key, part in parts.items()
    )


def _dtype(space: spaces.Space[Any]) -> np.dtype[Any]:
    """Return the type in which a policy takes a part; SB3 casts floats to float32."""
    dtype = np.dtype(space.dtype)
    return np.dtype(np.float32) if dtype.kind == "f" else dtype


def _names(keys: Mapping[str, Any]) -> dict[str, str]:
    """Return names that Python and C can use, all different, also as capitals."""
    names: dict[str, str] = {}
    for key in keys:
        plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in key)
        name = f"observation_{plain}" if keys.keys() != {""} else "observation"
        while name.lower() in map(str.lower, names.values()):
            name += "_"
        names[key] = name
    return names


def other_inputs(policy: BasePolicy) -> Iterator[Port]:
    """Yield the ports of inputs besides the observations."""
    if isinstance(policy, MaskableActorCriticPolicy):
        space: Any = policy.action_space
        size = {"Discrete": "n", "MultiDiscrete": "nvec"}.get(type(space).__name__)
        entries = int(np.sum(getattr(space, size))) if size else 2 * int(space.n)
        yield Port(
            name="action_mask",
            shape=(entries,),
            dtype=np.dtype(bool),
            kind="action_mask",
        )
    if isinstance(policy, RecurrentActorCriticPolicy):
        shape = (policy.lstm_actor.num_layers, policy.lstm_actor.hidden_size)
        for i in range(2):
            yield Port(
                name=f"state_{i}",
                shape=shape,
                dtype=np.dtype(np.float32),
                kind="state",
            )
        yield Port(
            name="episode_start",
            shape=(),
            dtype=np.dtype(np.float32),
            kind="episode_start",
        )


def policy_inputs(policy: Any, read: Any, memory: Any, masks: Any) -> list[Any]:
    """Return what a policy's ``_predict`` takes before ``deterministic``, as tensors.

    Args:
        policy: The policy.
        read: A batch of observations as the policy reads them, normalised.
        memory: States, or None for zeros, and where episodes begin.
        masks: Which actions are allowed, of a policy with masks.
    """
    inputs: list[Any] = [policy.obs_to_tensor(read)[0]]
    if isinstance(policy, RecurrentActorCriticPolicy):
        state, starts = memory
        shape = list(policy.lstm_hidden_state_shape)
        shape[1] = len(starts)
        zeros = np.zeros(shape)
        pair = (zeros, zeros) if state is None else state
        tensors = [torch.as_tensor(np.float32(each)) for each in (*pair, starts)]
        first, second, begins = (t.to(policy.device) for t in tensors)
        return [*inputs, (first, second), begins]
    return inputs if masks is None else [*inputs, masks]
