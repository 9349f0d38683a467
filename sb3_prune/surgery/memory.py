"""Memory: LSTM states that a recurrent model keeps change with the LSTM's units."""

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
    r"""Change the LSTM states that a model keeps, as the LSTM's units were changed.

    .. math:: h' = P h

    A state h has one entry per unit, so the matrix P that makes new units from old ones
    makes new states as well. Changed are the last states and those in the rollout
    buffer. The states of the actor's and the critic's LSTM change alike, because SB3
    gives both one shape.

    Args:
        model: The model, whose networks were changed already.
        changed: The changed layers, each with its change.
    """
    policy = model.policy
    if not isinstance(policy, RecurrentActorCriticPolicy):
        return
    for layer, change in changed:
        if _holds_memory(layer, policy):
            _follow(model, change)
        if layer.module is policy.lstm_actor:
            _note_width(model, layer)


def changed_states(
    policy: RecurrentActorCriticPolicy,
    states: RNNStates,
    changed: Iterable[tuple[HiddenLayer, Change]],
) -> RNNStates:
    """Return LSTM states as they are after changes of a policy's layers.

    Args:
        policy: The policy, before or after the changes.
        states: States from before.
        changed: The changed layers, each with its change.
    """
    for layer, change in changed:
        if _holds_memory(layer, policy):
            states = _moved(states, change)
    return states


def _holds_memory(layer: HiddenLayer, policy: RecurrentActorCriticPolicy) -> bool:
    """Tell whether a layer has the units of an LSTM, with others added perhaps."""
    makers = {slot.owner for slot in layer.group.slots if slot.side is Side.ROWS}
    return policy.lstm_actor in makers


def _note_width(model: BaseAlgorithm, layer: HiddenLayer) -> None:
    """Store the LSTM's width for loading a zip: SB3 sizes its rollout buffer by it."""
    policy: Any = model.policy
    size = policy.lstm_actor.hidden_size
    kwargs = {**model.policy_kwargs, "lstm_hidden_size": size}
    initial = getattr(policy, "initial_units", None)
    if initial is not None:
        noted = kwargs.get("initial_units", {})
        # A critic without an LSTM is a layer as wide as that of the actor.
        wide = [n for n in (layer.name, "critic") if n in initial]
        kwargs["initial_units"] = {**noted, **{n: initial[n] for n in wide}}
    model.policy_kwargs = kwargs  # A new one: the old may belong to the caller.


def note_widths(model: BaseAlgorithm, layers: Iterable[HiddenLayer]) -> None:
    """Store the width of a model's LSTM if it is not the one that was built.

    Args:
        model: A model with a masked policy.
        layers: Its hidden layers.
    """
    policy: Any = model.policy
    lstm = getattr(policy, "lstm_actor", None)
    for layer in layers:
        changed = layer.units != policy.initial_units.get(layer.name, layer.units)
        if changed and layer.module is lstm:
            _note_width(model, layer)


def _follow(model: BaseAlgorithm, change: Change) -> None:
    states = getattr(model, "_last_lstm_states", None)
    if states is not None:
        setattr(model, "_last_lstm_states", _moved(states, change))  # noqa: B010
    buffer = getattr(model, "rollout_buffer", None)
    if buffer is None or not hasattr(buffer, "hidden_state_shape"):
        return
    buffer.hidden_state_shape = (*buffer.hidden_state_shape[:-1], change.after)
    for name in _STORED:
        stored = getattr(buffer, name, None)
        if isinstance(stored, np.ndarray):
            setattr(buffer, name, _units(torch.as_tensor(stored), change).numpy())


def refresh_memory(model: BaseAlgorithm) -> None:
    """Reset the LSTM states of a model if they are not as wide as its LSTMs.

    This happens after ``model.set_parameters`` with an agent of another width.
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


def _moved(states: RNNStates, change: Change) -> RNNStates:
    (a, b), (c, d) = states
    a, b, c, d = (_units(state, change) for state in (a, b, c, d))
    return RNNStates((a, b), (c, d))


def _units(states: torch.Tensor, change: Change) -> torch.Tensor:
    """Return states after a change of their units, which lie along the last axis."""
    if change.kept is not None:
        return states.index_select(-1, change.kept.to(states.device))
    rows = change.rows.T.to(states)
    return torch.matmul(states, rows)
