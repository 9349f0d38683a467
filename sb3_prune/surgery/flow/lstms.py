"""LSTMs: the states of a recurrent policy where episodes begin."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sb3_contrib.common.recurrent.type_aliases import RNNStates


def empty_states(policy: Any, count: int) -> RNNStates:
    """Return LSTM states of zeros, of actor and critic, (layers, count, units).

    They are the same for both LSTMs: SB3 keeps one shape of state for the two.

    Args:
        policy: A recurrent policy.
        count: Number of environments or observations.
    """
    layers, _, size = policy.lstm_hidden_state_shape
    zeros = torch.zeros(layers, count, size, device=policy.device)
    return RNNStates((zeros, zeros), (zeros, zeros))


@torch.no_grad()
def forget(states: RNNStates, starts: Any) -> RNNStates:
    """Return LSTM states that are zero in environments that begin an episode.

    Args:
        states: The states of actor and critic.
        starts: Whether an episode begins, (environments,).
    """
    (a, b), (c, d) = states
    goes_on = ~np.asarray(starts, bool)
    keep = torch.as_tensor(goes_on, device=a.device).view(1, -1, 1)
    return RNNStates((a * keep, b * keep), (c * keep, d * keep))
