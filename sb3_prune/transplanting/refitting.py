r"""Refitting: output layers that read an earlier layer, since later ones are gone.

No weights do exactly what several layers did. The output layers are fitted by ridge
regression, on observations of the old agent, to what the old ones said. Units that
resemble each other would get huge weights of both signs, and then the next updates
would wreck the agent. So the ridge is as large as it takes for a fitted layer :math:`V`
not to be much steeper than the layers that it stands for can be:

.. math:: \lVert V \rVert_2 \le 3 \prod_l \lVert W_l \rVert_2
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from torch import nn

from sb3_prune.compensation.fitting import fit
from sb3_prune.exceptions import NoObservationsError, TransplantError
from sb3_prune.recording.activations import observe_weights
from sb3_prune.recording.inputs import LEAST_INPUTS, recent_inputs
from sb3_prune.recording.observations import count_observations
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.flow.observe import Observer
from sb3_prune.transplanting.shallower import Shallower
from sb3_prune.transplanting.stems import heads_of

MOST = 4096
"""Largest number of observations for a fit."""
STEPS = tuple(10.0**power for power in range(-8, 2))
"""Ridges to choose from, as multiples of the mean variance of the units."""
STEEPER = 3.0
"""How often as steep as that a fitted layer may be. With 1, agents of SAC lost much of
what they could in their next updates, with 10 and more agents of PPO did."""


@dataclass(frozen=True)
class Fits:
    """Output layers that were fitted."""

    tensors: Mapping[int, torch.Tensor] = field(default_factory=dict)
    """Their weights and biases, by the id of the tensor of the old layer that each
    stands for. They read the layer that the new network keeps, as it was."""
    errors: Mapping[str, float] = field(default_factory=dict)
    """By the path of the network, the error on observations that were held out: the
    largest of its output layers, each relative to the deviation of its outputs."""


@torch.no_grad()
def fit_heads(
    old: BaseAlgorithm,
    networks: Sequence[Shallower],
    changes: Mapping[str, Change],
    given: Inputs | None = None,
) -> Fits:
    """Fit the output layers of networks that lose hidden layers.

    Args:
        old: The old agent; it stays as it is.
        networks: The networks.
        changes: By :attr:`Shallower.read`, which units the new agent has; all if a name
            is not listed.
        given: What the agent has observed; by default recent observations.

    Raises:
        TransplantError: There are too few observations, or the networks read more than
            these.
    """
    if not networks:
        return Fits()
    inputs = _inputs(old, networks, given)
    read: list[nn.Module] = [network.reader for network in networks]
    read += [head for network in networks for head in heads_of(network.old)]
    weights = {(module, "weight") for module in read}
    observer = observe_weights(old.policy, inputs, weights, targets=True)
    tensors: dict[int, torch.Tensor] = {}
    errors = {}
    for network in networks:
        units = _arrived(observer, network.reader)
        if (change := changes.get(network.read)) is not None:
            units = units * change.columns.any(1).to(units)
        errors[network.new.name] = max(
            _fitted(network, head, units, observer, tensors)
            for head in heads_of(network.old)
        )
    return Fits(tensors, errors)


def _inputs(
    old: BaseAlgorithm, networks: Sequence[Shallower], given: Inputs | None
) -> Inputs:
    units = max(network.last.out_features for network in networks)
    least, count, why = max(LEAST_INPUTS, units + 1), 0, ""
    try:
        given = given or recent_inputs(old, max(MOST, 4 * units))
        count = count_observations(given.observations)
    except NoObservationsError as error:
        why = f" {error}"
    if given is None or count < least:
        raise TransplantError(
            f"'{networks[0].new.name}' loses hidden layers, so its output layers are "
            f"fitted on observations of the old agent: there are {count}, at least "
            f"{least} are needed. Give observed=sb3_prune.recording.play_inputs(old, "
            "env), with env the vectorised environment of the old agent, or play=1000."
            f"{why}"
        )
    _require_whole(old.policy, networks, given)
    return given


def _require_whole(
    policy: BasePolicy, networks: Sequence[Shallower], given: Inputs
) -> None:
    """Check that observations come with what networks read beside them."""
    has_memory = isinstance(policy, RecurrentActorCriticPolicy)
    acted = any(network.old.role.reads_actions for network in networks)
    read = {"lstm_states": has_memory, "actions": acted}
    lacking = [name for name in read if read[name] and getattr(given, name) is None]
    if not lacking:
        return
    raise TransplantError(
        f"Output layers of {type(policy).__name__} would be fitted on observations "
        f"without {lacking[0]}, which its networks read. Give observed="
        "sb3_prune.recording.play_inputs(old, env), with env the vectorised "
        "environment of the old agent, or play=1000."
    )


def _arrived(observer: Observer, module: nn.Module) -> torch.Tensor:
    """Return what a layer has read, (observations, inputs)."""
    return torch.cat([x.flatten(0, -2) for x in observer.arrived[module, "weight"]])


def _fitted(
    network: Shallower,
    head: Any,
    units: torch.Tensor,
    observer: Observer,
    found: dict[int, torch.Tensor],
) -> float:
    """Fit an output layer to what it said, by the units that it is to read."""
    said = head(_arrived(observer, head))
    start = torch.zeros(said.shape[1], units.shape[1])
    given = said, units, start, torch.ones(len(start))
    steepest = STEEPER * math.prod(
        map(_norm, (layer.weight for layer in network.gone()))
    )
    steepest *= _norm(head.weight)
    for number in range(len(STEPS)):
        made = fit(*given, intercept=head.bias is not None, ridges=STEPS[number:])
        if _norm(made.columns) <= steepest:
            break
    found[id(head.weight)] = made.columns.to(head.weight)
    if head.bias is not None:
        found[id(head.bias)] = made.shifts.to(head.bias)
    return made.error


def _norm(weight: torch.Tensor) -> float:
    return float(torch.linalg.matrix_norm(weight, 2))
