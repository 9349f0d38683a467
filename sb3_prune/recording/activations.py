"""Activations: record the hidden units of an agent on given or recent observations.

Recording does not change the model: its training modes, gradients and the random states
stay as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import PyTorchObs

from sb3_prune.exceptions import NonFiniteError, UnsupportedPolicyError
from sb3_prune.recording.inputs import recent_inputs
from sb3_prune.recording.observations import count_observations
from sb3_prune.surgery.flow.forwards import Inputs, all_forwards, is_actor_critic
from sb3_prune.surgery.flow.lstms import empty_states
from sb3_prune.surgery.flow.observe import Observer
from sb3_prune.surgery.flow.ports import by_key
from sb3_prune.surgery.flow.quiet import quiet
from sb3_prune.surgery.flow.slots import Key, Read
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.targets import target_names
from sb3_prune.surgery.wiring import wire


def recent_activations(
    model: BaseAlgorithm, batch_size: int = 256
) -> dict[str, torch.Tensor]:
    """Record every hidden layer on recent observations of a model.

    Args:
        model: A model that has observed its environment.
        batch_size: Largest number of observations.

    Returns:
        Activations, (batch, units), by layer name, in the order of the wiring.

    Raises:
        NoObservationsError: The model has no observations yet.
    """
    return record_activations(model, recent_inputs(model, batch_size))


def record_activations(
    model: BaseAlgorithm, inputs: Inputs | PyTorchObs | np.ndarray
) -> dict[str, torch.Tensor]:
    """Record every hidden layer of the online networks, in evaluation mode.

    Each layer is recorded at the input of the first module that reads it, so after
    activation function, normalisation and gate. A unit with several positions, such as
    a channel of an image, is averaged over its positions.

    Args:
        model: A model of a supported algorithm.
        inputs: Inputs of the model's networks, or observations alone.

    Returns:
        Activations, (batch, units), by layer name, in the order of the wiring.

    Raises:
        NonFiniteError: An observation or action is NaN or infinite.
        UnsupportedPolicyError: A layer cannot be recorded, because no forward pass
            reads its units through an unmodified weight.
    """
    policy = model.policy
    if not isinstance(inputs, Inputs):
        inputs = Inputs(observations=_tensors(policy, inputs))
    layers = wire(policy)
    observer = observe(policy, inputs, layers.values())
    batch = count_observations(inputs.observations)
    return {n: _recorded(layer, observer, batch) for n, layer in layers.items()}


def observe(
    policy: BasePolicy, inputs: Inputs, layers: Iterable[HiddenLayer]
) -> Observer:
    """Run the online networks of a policy and record what readers of layers get.

    Raises:
        NonFiniteError: An observation or action is NaN or infinite.
    """
    wanted = {read.slot.key for layer in layers for read in layer.reads}
    return observe_weights(policy, inputs, wanted)


def observe_weights(
    policy: BasePolicy, inputs: Inputs, wanted: set[Key], *, targets: bool = False
) -> Observer:
    """Run the networks of a policy and record what weights are multiplied with.

    Args:
        policy: The policy.
        inputs: Inputs of its networks.
        wanted: The weights.
        targets: Whether target networks run, too.

    Raises:
        NonFiniteError: An observation or action is NaN or infinite.
    """
    _check_finite(inputs)
    observer = Observer(wanted)
    with quiet(policy), observer:
        for call in _calls(policy, inputs, targets):
            known = {key: len(given) for key, given in observer.arrived.items()}
            call()
            for key, count in known.items():  # The same again, from a later call.
                del observer.arrived[key][count:]
            if wanted <= observer.arrived.keys():
                break
    return observer


def _recorded(layer: HiddenLayer, observer: Observer, batch: int) -> torch.Tensor:
    """Return the activations that the layer's first reader received, (batch, units)."""
    read, given = arrived_at(layer, observer)[0]
    units = read.arrived(given[-1], layer.units)
    return units.reshape(batch, -1, *units.shape[-2:]).mean(dim=(1, 3))


def arrived_at(
    layer: HiddenLayer, observer: Observer
) -> list[tuple[Read, list[torch.Tensor]]]:
    """Return the readers that got a layer's units, each with what it got in every call.

    Raises:
        UnsupportedPolicyError: No reader got them.
    """
    if found := observer.read_by(layer.reads):
        return found
    raise UnsupportedPolicyError(
        f"The activations of '{layer.name}' cannot be recorded: no forward pass of the "
        "policy reads its units through an unmodified weight."
    )


def _calls(
    policy: BasePolicy, inputs: Inputs, targets: bool
) -> Iterator[Callable[[], object]]:
    """Yield calls that run every network of a policy, target networks if asked to."""
    if isinstance(policy, RecurrentActorCriticPolicy):
        yield partial(_run_recurrent, policy, inputs)
        extra = getattr(policy, "extra_forwards", None)
        found = extra(inputs.observations, inputs.actions) if extra else ()
    else:
        if inputs.actions is None and is_actor_critic(policy):
            yield partial(policy, inputs.observations, deterministic=True)
        if inputs.actions is None:
            acts = policy._predict(inputs.observations, deterministic=True)
            inputs = replace(inputs, actions=acts.float())
        found = all_forwards(policy, inputs)
    copies = () if targets else target_names(policy)
    for name, call in found:
        if name.partition(".")[0] not in copies:
            yield call


def _run_recurrent(policy: RecurrentActorCriticPolicy, inputs: Inputs) -> None:
    """Run each observation as a sequence of length one."""
    observations: Any = inputs.observations
    batch = count_observations(observations)
    states: Any = inputs.lstm_states or empty_states(policy, batch)
    starts = torch.zeros(batch, device=policy.device)
    policy.get_distribution(observations, states.pi, starts)
    policy.predict_values(observations, states.vf, starts)


def _tensors(policy: BasePolicy, observations: Any) -> PyTorchObs:
    if isinstance(observations, torch.Tensor):
        return observations.to(policy.device)
    if isinstance(observations, dict) and any(
        isinstance(value, torch.Tensor) for value in observations.values()
    ):
        return {key: value.to(policy.device) for key, value in observations.items()}
    return policy.obs_to_tensor(observations)[0]


def _check_finite(inputs: Inputs) -> None:
    named = by_key(inputs.observations).items()
    parts = {f"observations {key}".strip(): value for key, value in named}
    if inputs.actions is not None:
        parts["actions"] = inputs.actions
    for name, value in parts.items():
        if not bool(value.isfinite().all()):
            raise NonFiniteError(f"The {name} to record on are NaN or infinite.")
