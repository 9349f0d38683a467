"""States: sample observations of an agent, and what its output layers say to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import NoObservationsError
from sb3_prune.recording.activations import count_observations
from sb3_prune.recording.inputs import recent_inputs
from sb3_prune.surgery.flow.forwards import sample_inputs
from sb3_prune.surgery.flow.observe import Observer
from sb3_prune.surgery.flow.quiet import quiet
from sb3_prune.transplanting.heads import Head

MOST = 1024
"""Largest number of sample states."""
FEWEST = 20
"""With fewer recent observations, the space itself is drawn from."""


def sample_states(
    model: BaseAlgorithm, play: Callable[[], Any] | None = None
) -> tuple[Any, str]:
    """Return observations as the policy gets them, and where they come from.

    Args:
        model: The agent.
        play: Plays for observations, if there are no recent ones.
    """
    try:
        found = recent_inputs(model, MOST).observations
        if count_observations(found) >= FEWEST:
            return found, "recent observations"
    except NoObservationsError:
        pass
    if play is not None:
        return play(), "random steps in the new environment"
    return sample_inputs(model.policy, MOST).observations, "draws from the space"


@torch.no_grad()
def listen(
    policy: Any, heads: Sequence[Head], observations: Any
) -> list[torch.Tensor | None]:
    """Return what output layers say, (states, outputs) each.

    Layers that choosing an action does not run, as those of target networks and
    parameters ``log_std``, say None.

    Args:
        policy: The policy; it stays as it is.
        heads: Its output layers.
        observations: Observations as it gets them.
    """
    slots = [slot for head in heads for slot in head.slots]
    observer = Observer([(s.owner, "weight") for s in slots if s.attribute == "weight"])
    with quiet(policy), observer:
        _act(policy, observations)
    return [_said(head, observer) for head in heads]


def _act(policy: Any, observations: Any) -> None:
    states = getattr(policy, "lstm_hidden_state_shape", None)
    if states is None:
        policy._predict(observations, deterministic=True)
        return
    layers, _, size = states
    count = count_observations(observations)
    zeros = torch.zeros(layers, count, size, device=policy.device)
    starts = torch.zeros(count, device=policy.device)
    policy.get_distribution(observations, (zeros, zeros), starts)


def _said(head: Head, observer: Observer) -> torch.Tensor | None:
    owner: Any = head.slots[0].owner
    arrived = observer.arrived.get((owner, "weight"))
    return owner(arrived[0]).detach().cpu() if arrived else None
