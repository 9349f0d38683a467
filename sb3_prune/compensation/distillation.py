r"""Distillation: train a pruned agent by gradient to answer as the dense one did.

No rewards are needed. The loss of a batch of states is

.. math:: \mathrm{KL}(\pi_{dense} \Vert \pi) + \sum_v
          \frac{\lVert v_{dense} - v \rVert^2}{\mathrm{var}(v_{dense})}

with the distribution of actions :math:`\pi` and every value v. For a deterministic
actor, its actions are compared as values are.

References:
    Rusu et al. 2016, "Policy distillation"; Livne & Cohen 2020, "PoPS: Policy pruning
    and shrinking for deep reinforcement learning".
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from torch import nn
from torch.distributions import kl_divergence
from tqdm.auto import trange

from sb3_prune.compensation.fitting import held_out
from sb3_prune.compensation.movement import distributions, values_of
from sb3_prune.exceptions import (
    NoObservationsError,
    UnsupportedPolicyError,
    require_at_least,
)
from sb3_prune.recording.inputs import LEAST_INPUTS
from sb3_prune.recording.observations import count_observations
from sb3_prune.recording.samples import chunks, part
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.flow.modes import usual_modes
from sb3_prune.surgery.flow.quiet import quiet
from sb3_prune.surgery.targets import target_networks

BATCH = 256
"""States of one update."""
RATE = 1e-3
"""Learning rate of the first update; it falls linearly to 0."""


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """What a distillation achieved."""

    updates: int
    """Number of gradient steps."""
    before: float
    """Loss on states that are held out, before."""
    after: float
    """The same loss after. If it would have risen, the weights from before stay."""


@usual_modes()
def distil(
    policy: nn.Module, dense: nn.Module, inputs: Inputs, updates: int, seed: int = 0
) -> Distillation:
    """Train a pruned policy towards the dense one it came from, in place.

    All weights of the online networks learn, by an Adam of their own: the optimisers of
    the agent keep their state. Target networks then get the weights of the networks
    that learnt, for what a cut left of them is what the online ones moved away from.

    Args:
        policy: The pruned policy.
        dense: The policy before pruning; it stays as it is.
        inputs: States, with actions for critics.
        updates: Number of gradient steps.
        seed: Seed of the batches.

    Raises:
        ConfigError: ``updates`` is not positive.
        NoObservationsError: There are fewer than :data:`.LEAST_INPUTS` states.
        UnsupportedPolicyError: The policy has a memory.
    """
    require_at_least("updates", updates)
    check_distillable(policy, inputs)
    count = count_observations(inputs.observations)
    held, index = held_out(count), torch.arange(count)
    seen, unseen = index[~held], part(inputs, index[held])
    before = _measured(policy, dense, unseen)
    kept = copy.deepcopy(policy.state_dict())
    _train(policy, dense, inputs, seen, updates, seed)
    after = _measured(policy, dense, unseen)
    if after < before:
        _copy_to_targets(policy, kept)
    else:
        policy.load_state_dict(kept)
    return Distillation(updates=updates, before=before, after=min(before, after))


def check_distillable(policy: nn.Module, inputs: Inputs) -> None:
    """Check that a policy can be distilled on some states.

    Raises:
        NoObservationsError: There are fewer than :data:`.LEAST_INPUTS` states.
        UnsupportedPolicyError: The policy has a memory.
    """
    if isinstance(policy, RecurrentActorCriticPolicy):
        raise UnsupportedPolicyError(
            "A policy with memory cannot be distilled from single states: set "
            "distil_updates to 0."
        )
    count = count_observations(inputs.observations)
    if count < LEAST_INPUTS:
        raise NoObservationsError(
            f"To distil takes {LEAST_INPUTS} states, there are {count}: give more."
        )


def _train(
    policy: Any, dense: Any, inputs: Inputs, seen: torch.Tensor, updates: int, seed: int
) -> None:
    learning = [p for p in policy.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(learning, lr=RATE)
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, updates)
    generator = torch.Generator().manual_seed(seed)
    mode = policy.training
    policy.set_training_mode(False)  # Dropout and statistics stay out of it.
    try:
        for _ in trange(updates, desc="distilling", delay=2, disable=None):
            rows = torch.randint(len(seen), (BATCH,), generator=generator)
            batch = part(inputs, seen[rows])
            with torch.enable_grad():
                value = loss(policy, dense, batch)
            # Not backward(): penalties on weights belong to the agent's own training.
            gradients = torch.autograd.grad(value, learning, allow_unused=True)
            for parameter, gradient in zip(learning, gradients, strict=True):
                parameter.grad = gradient
            optimizer.step()
            falling.step()
    finally:
        policy.set_training_mode(mode)
        for parameter in learning:
            parameter.grad = None


def _copy_to_targets(policy: nn.Module, before: Mapping[str, torch.Tensor]) -> None:
    """Copy all networks that have other weights than before to their targets."""
    for online, targets in target_networks(policy).items():
        network = policy.get_submodule(online)
        learnt, weights = network.state_dict(), network.named_parameters()
        if all(torch.equal(before[f"{online}.{n}"], w) for n, w in weights):
            continue
        for name in targets:
            policy.get_submodule(name).load_state_dict(learnt)


def _measured(policy: nn.Module, dense: nn.Module, inputs: Inputs) -> float:
    """Return the mean loss over states."""
    total, count = 0.0, 0
    with quiet(dense), torch.no_grad():
        parts = zip(*[_outputs(dense, batch) for batch in chunks(inputs)], strict=True)
        spread = [_variance(torch.cat(each)) for each in parts]
    with quiet(policy):
        for batch in chunks(inputs):
            number = count_observations(batch.observations)
            total += float(loss(policy, dense, batch, spread).detach()) * number
            count += number
    return total / max(1, count)


def loss(
    policy: Any,
    dense: Any,
    inputs: Inputs,
    spread: Sequence[torch.Tensor] | None = None,
) -> torch.Tensor:
    """Return the loss of a batch of states, a scalar.

    Args:
        policy: The policy that learns.
        dense: The policy that it learns from.
        inputs: The states.
        spread: Variances of the dense policy's values and actions, relative to which
            errors count; by default those in the batch.
    """
    with quiet(dense):
        taught, valued = distributions(dense, inputs), _outputs(dense, inputs)
    learnt = distributions(policy, inputs)
    found = [
        kl_divergence(t, s).reshape(count_observations(inputs.observations), -1).sum(1)
        for t, s in zip(taught, learnt, strict=True)
    ]
    spread = spread or [_variance(t) for t in valued]
    for t, s, variance in zip(valued, _outputs(policy, inputs), spread, strict=True):
        found.append(((t - s).square() / variance).sum(1))
    return torch.stack([each.mean() for each in found]).sum()


def _variance(values: torch.Tensor) -> torch.Tensor:
    return values.var(dim=0, correction=0).clamp_min(1e-8)


def _outputs(policy: Any, inputs: Inputs) -> list[torch.Tensor]:
    """Return all values, and the actions of a deterministic actor, (states, ...)."""
    count = count_observations(inputs.observations)
    found = list(values_of(policy, inputs))
    actor = getattr(policy, "actor", None)
    if actor is not None and not hasattr(actor, "get_action_dist_params"):
        found.append(actor(inputs.observations))
    return [each.reshape(count, -1) for each in found]
