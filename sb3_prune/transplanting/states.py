"""States: sample observations of an agent, and what its output layers say to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import NoObservationsError, TransplantError
from sb3_prune.recording.distributions import distribution_of
from sb3_prune.recording.inputs import LEAST_INPUTS, recent_inputs
from sb3_prune.recording.observations import count_observations
from sb3_prune.recording.samples import part
from sb3_prune.surgery.flow.forwards import Inputs, sample_inputs
from sb3_prune.surgery.flow.observe import Observer
from sb3_prune.surgery.flow.ports import by_key
from sb3_prune.surgery.flow.quiet import quiet
from sb3_prune.transplanting.heads import Head

MOST = 1024
"""Largest number of sample states."""
PLAYED = "random steps in the new environment"
"""Where states come from if random actions were played."""


def sample_states(model: BaseAlgorithm, given: Inputs | None = None) -> tuple[Any, str]:
    """Return observations as the policy gets them, and where they come from.

    Args:
        model: The agent.
        given: What it has observed; by default recent observations, if there are
            enough, else draws from the space.

    Raises:
        TransplantError: Observations of another shape are given.
    """
    if given is not None:
        _check_shapes(model, given)
        count = count_observations(given.observations)
        chosen = torch.linspace(0, count - 1, min(count, MOST)).round().long()
        return part(given, chosen).observations, "given observations"
    try:
        found = recent_inputs(model, MOST).observations
        if count_observations(found) >= LEAST_INPUTS:
            return found, "recent observations"
    except NoObservationsError:
        pass
    return sample_inputs(model.policy, MOST).observations, "draws from the space"


def _check_shapes(model: BaseAlgorithm, given: Inputs) -> None:
    if not isinstance(given, Inputs):
        raise TransplantError(
            "observed must be what sb3_prune.recording.play_inputs(old, env) returns, "
            f"got {type(given).__name__}."
        )
    expected = _shapes(sample_inputs(model.policy, 1))
    if _shapes(given) != expected or not count_observations(given.observations):
        raise TransplantError(
            f"observed has observations of {_shapes(given)}, but the old agent sees "
            f"{expected}."
        )


def _shapes(inputs: Inputs) -> dict[str, tuple[int, ...]]:
    named = by_key(inputs.observations).items()
    return {key or "shape": tuple(tensor.shape[1:]) for key, tensor in named}


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
    if isinstance(policy, RecurrentActorCriticPolicy):
        distribution_of(policy, Inputs(observations=observations))
    else:
        policy._predict(observations, deterministic=True)


def _said(head: Head, observer: Observer) -> torch.Tensor | None:
    owner: Any = head.slots[0].owner
    arrived = observer.arrived.get((owner, "weight"))
    return owner(arrived[0]).detach().cpu() if arrived else None
