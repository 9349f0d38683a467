"""Memory: the states of LSTMs that a recurrent model keeps follow its units."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.surgery.change import Change
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer

_STORED = ("hidden_states_pi", "cell_states_pi", "hidden_states_vf", "cell_states_vf")
"""Arrays of states in a rollout buffer, units last."""


def follow_memory(
    model: BaseAlgorithm, changed: Iterable[tuple[HiddenLayer, Change]]
) -> None:
    r"""Change the states that a model keeps as its LSTMs' units were changed.

    .. math:: h' = P h

    These are the last states and those in the rollout buffer, of the actor's LSTM and
    the critic's: SB3 keeps one shape for the two.

    Args:
        model: The model, whose networks were changed.
        changed: The layers and what happened to them.
    """
    policy = model.policy
    if not isinstance(policy, RecurrentActorCriticPolicy):
        return
    for layer, change in changed:
        # Units that are added to those of an LSTM are one layer with them.
        makers = {slot.owner for slot in layer.group.slots if slot.side is Side.ROWS}
        if policy.lstm_actor in makers:
            _follow(model, change)
        if layer.module is policy.lstm_actor:
            _note_width(model, layer)


def _note_width(model: BaseAlgorithm, layer: HiddenLayer) -> None:
    """Let a zip build its LSTMs as wide as they are: SB3 sizes its buffer by them."""
    policy: Any = model.policy
    size = policy.lstm_actor.hidden_size
    kwargs = {**model.policy_kwargs, "lstm_hidden_size": size}
    initial = getattr(policy, "initial_units", None)
    if initial is not None:
        noted = kwargs.get("initial_units", {})
        kwargs["initial_units"] = {**noted, layer.name: initial[layer.name]}
    model.policy_kwargs = kwargs  # Never written into: it may belong to the caller.


def _follow(model: BaseAlgorithm, change: Change) -> None:
    states = getattr(model, "_last_lstm_states", None)
    if states is not None:
        (a, b), (c, d) = states
        a, b, c, d = (_units(state, change) for state in (a, b, c, d))
        setattr(model, "_last_lstm_states", RNNStates((a, b), (c, d)))  # noqa: B010
    buffer = getattr(model, "rollout_buffer", None)
    if buffer is None or not hasattr(buffer, "hidden_state_shape"):
        return
    buffer.hidden_state_shape = (*buffer.hidden_state_shape[:-1], change.after)
    for name in _STORED:
        stored = getattr(buffer, name, None)
        if isinstance(stored, np.ndarray):
            setattr(buffer, name, _units(torch.as_tensor(stored), change).numpy())


def refresh_memory(model: BaseAlgorithm) -> None:
    """Start a model's LSTM states anew, if they are not as wide as its LSTMs.

    So it is after ``model.set_parameters`` of an agent with another width.
    """
    policy: Any = model.policy
    buffer: Any = getattr(model, "rollout_buffer", None)
    if not isinstance(policy, RecurrentActorCriticPolicy) or buffer is None:
        return
    size = policy.lstm_actor.hidden_size
    if buffer.hidden_state_shape[-1] == size:
        return
    buffer.hidden_state_shape = (*buffer.hidden_state_shape[:-1], size)
    buffer.reset()
    zeros = torch.zeros(buffer.hidden_state_shape[1:], device=model.device)
    setattr(model, "_last_lstm_states", RNNStates((zeros, zeros), (zeros, zeros)))  # noqa: B010


def _units(states: torch.Tensor, change: Change) -> torch.Tensor:
    """Return states whose last axis are units, changed."""
    if change.selection is not None:
        return states.index_select(-1, change.selection.to(states.device))
    rows = change.rows.T.to(states)
    return torch.matmul(states, rows)
