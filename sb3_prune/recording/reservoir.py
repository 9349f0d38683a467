"""Reservoir: the most recent inputs of an agent, over as many rollouts as needed."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Sequence
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from sb3_contrib.common.recurrent.type_aliases import RNNStates

from sb3_prune.exceptions import CheckpointError
from sb3_prune.recording.observations import count_observations
from sb3_prune.surgery.flow.forwards import Inputs

Tensors = dict[str, torch.Tensor]


class Reservoir:
    """Keeps the most recent inputs: whole rollouts, until there are enough.

    One rollout of PPO is enough for most networks. One of A2C has 5 steps per
    environment, too few to learn anything from.

    Args:
        needed: Number of observations that are enough.
    """

    def __init__(self, needed: int) -> None:
        self.needed = needed
        self._parts: deque[Inputs] = deque()

    def add(self, inputs: Inputs) -> None:
        """Add the inputs of a rollout; forget those that are not needed any more."""
        self._parts.append(inputs)
        sizes = [count_observations(part.observations) for part in self._parts]
        while sum(sizes[1:]) >= self.needed:
            self._parts.popleft()
            sizes.pop(0)

    def clear(self) -> None:
        """Forget all inputs."""
        self._parts.clear()

    def inputs(self, device: torch.device | str = "cpu") -> Inputs | None:
        """Return all inputs that are kept, on a device; None if there are none."""
        return join(self._parts, device) if self._parts else None

    def state(self) -> list[str]:
        """Return what a resumed run needs as text; nothing if one rollout is enough."""
        if len(self._parts) == 1:
            (part,) = self._parts
            if count_observations(part.observations) >= self.needed:
                return []
        return [base64.b64encode(save(_named(p))).decode() for p in self._parts]

    def load_state(self, state: Sequence[str]) -> None:
        """Restore what :meth:`state` returned.

        Raises:
            CheckpointError: A text is none of those.
        """
        try:
            parts = [_inputs(load(base64.b64decode(t, validate=True))) for t in state]
        except (SafetensorError, LookupError, TypeError, ValueError) as error:
            raise CheckpointError(f"Saved inputs are damaged: {error!r}.") from error
        self._parts = deque(parts)


def join(parts: Sequence[Inputs], device: torch.device | str | None = None) -> Inputs:
    """Return several inputs as one.

    Args:
        parts: The inputs.
        device: Where the result is to lie; where the parts lie if None.
    """
    every = [_named(part) for part in parts]
    axes = {key: int(key.startswith("state")) for key in every[0]}
    return _inputs(
        {
            key: torch.cat([one[key].to(device) for one in every], axis)
            for key, axis in axes.items()
        }
    )


def _named(inputs: Inputs) -> Tensors:
    """Return all tensors of some inputs by name."""
    seen, states = inputs.observations, inputs.lstm_states
    named = (
        {f"observations/{key}": value for key, value in seen.items()}
        if isinstance(seen, dict)
        else {"observations": seen}
    )
    if inputs.actions is not None:
        named["actions"] = inputs.actions
    if states is not None:
        named |= {f"state/{i}{j}": states[i][j] for i in range(2) for j in range(2)}
    return {key: value.contiguous() for key, value in named.items()}


def _inputs(named: Tensors) -> Inputs:
    """Return the inputs whose tensors have these names."""
    inside = {
        key.partition("/")[2]: value
        for key, value in named.items()
        if key.startswith("observations/")
    }
    observations: Any = inside or named["observations"]
    states = None
    if "state/00" in named:
        a, b, c, d = (named[f"state/{i}{j}"] for i in range(2) for j in range(2))
        states = RNNStates((a, b), (c, d))
    return Inputs(
        observations=observations, actions=named.get("actions"), lstm_states=states
    )
