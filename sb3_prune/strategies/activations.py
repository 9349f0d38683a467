"""Activations: what the hidden units of an agent say about recent observations.

Nothing here leaves a trace in the model: modes, random state and gradients stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from sb3_contrib.crossq.policies import CrossQPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from sb3_contrib.tqc.policies import TQCPolicy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.type_aliases import PyTorchObs
from stable_baselines3.dqn.policies import DQNPolicy
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import TD3Policy
from torch import nn

from sb3_prune.exceptions import NonFiniteError, UnsupportedPolicyError
from sb3_prune.networks.ofexinet import OFEXiNet
from sb3_prune.policies.value import ValuePolicyMixin
from sb3_prune.strategies.inputs import Inputs, recent_inputs, same_random_state
from sb3_prune.surgery.wiring import HiddenLayer, wire


def recent_activations(
    model: BaseAlgorithm, batch_size: int = 256
) -> dict[str, torch.Tensor]:
    """Record every hidden layer on recent observations of a model.

    Args:
        model: A model that has seen its environment.
        batch_size: Number of observations, at most.

    Returns:
        Hidden units (batch, units) by layer name, in the order of the wiring.

    Raises:
        NoObservationsError: The model has seen nothing yet.
    """
    return record_activations(model, recent_inputs(model, batch_size))


def record_activations(
    model: BaseAlgorithm, inputs: Inputs | PyTorchObs | np.ndarray
) -> dict[str, torch.Tensor]:
    """Record every hidden layer of the online networks, in evaluation mode.

    Units are recorded as their readers get them: after activation, normalisation and
    gate.

    Args:
        model: A model of a supported algorithm.
        inputs: What its networks read, or observations alone.

    Returns:
        Hidden units (batch, units) by layer name, in the order of the wiring.

    Raises:
        NonFiniteError: An observation or action is NaN or infinite.
        UnsupportedPolicyError: The policy is not known; see :func:`run_networks`.
    """
    policy = model.policy
    if not isinstance(inputs, Inputs):
        inputs = Inputs(observations=_tensors(policy, inputs))
    _check_finite(inputs)
    layers = wire(policy)
    recorded: dict[str, torch.Tensor] = {}
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(same_random_state(policy.device))
        stack.enter_context(_evaluating(policy))
        stack.enter_context(_hooks(layers, recorded))
        _forget_features(policy)
        run_networks(policy, inputs)
    return {name: recorded[name] for name in layers}


@singledispatch
def run_networks(policy: BasePolicy, inputs: Inputs) -> None:
    """Run every online network of a policy once; its outputs do not matter.

    Teach it another policy with ``@run_networks.register(MyPolicy)``.

    Raises:
        UnsupportedPolicyError: The policy is not known.
    """
    del inputs  # Nothing to run them through.
    known = sorted({t.__name__ for t in run_networks.registry if t is not object})
    raise UnsupportedPolicyError(
        f"Cannot run the networks of {type(policy).__name__}. Known policies: "
        f"{', '.join(known)}. Register yours with @run_networks.register."
    )


@run_networks.register(SACPolicy)
@run_networks.register(TD3Policy)
@run_networks.register(TQCPolicy)
@run_networks.register(CrossQPolicy)
def _actor_and_critic(policy: SACPolicy, inputs: Inputs) -> None:
    actions = policy.actor._predict(inputs.observations, deterministic=True)
    policy.critic(
        inputs.observations, actions if inputs.actions is None else inputs.actions
    )


@run_networks.register(ValuePolicyMixin)
def _actor_critic_and_value(policy: ValuePolicyMixin, inputs: Inputs) -> None:
    _actor_and_critic(policy, inputs)
    policy.value(inputs.observations)


@run_networks.register(DQNPolicy)
def _q_network(policy: DQNPolicy, inputs: Inputs) -> None:
    policy.q_net(inputs.observations)


@run_networks.register(QRDQNPolicy)
def _quantile_network(policy: QRDQNPolicy, inputs: Inputs) -> None:
    policy.quantile_net(inputs.observations)


@run_networks.register(ActorCriticPolicy)
@run_networks.register(MaskableActorCriticPolicy)
def _actor_critic(policy: ActorCriticPolicy, inputs: Inputs) -> None:
    policy.get_distribution(inputs.observations)
    policy.predict_values(inputs.observations)


@run_networks.register(RecurrentActorCriticPolicy)
def _recurrent(policy: RecurrentActorCriticPolicy, inputs: Inputs) -> None:
    """Run each observation as a sequence of length one."""
    observations, states = inputs.observations, inputs.lstm_states
    one = next(iter(observations.values())) if isinstance(observations, dict) else None
    batch = len(observations if one is None else one)
    if states is None:
        layers, _, size = policy.lstm_hidden_state_shape
        zeros = torch.zeros(layers, batch, size, device=policy.device)
        states = RNNStates((zeros, zeros), (zeros, zeros))
    starts = torch.zeros(batch, device=policy.device)
    policy.get_distribution(observations, states.pi, starts)  # type: ignore[arg-type]
    policy.predict_values(observations, states.vf, starts)  # type: ignore[arg-type]


def _tensors(policy: BasePolicy, observations: Any) -> PyTorchObs:
    if isinstance(observations, torch.Tensor):
        return observations.to(policy.device)
    if isinstance(observations, dict) and any(
        isinstance(value, torch.Tensor) for value in observations.values()
    ):
        return {key: value.to(policy.device) for key, value in observations.items()}
    return policy.obs_to_tensor(observations)[0]


def _check_finite(inputs: Inputs) -> None:
    observations = inputs.observations
    named = observations if isinstance(observations, dict) else {"": observations}
    parts = {f"observations {key}".strip(): value for key, value in named.items()}
    if inputs.actions is not None:
        parts["actions"] = inputs.actions
    for name, value in parts.items():
        if not bool(value.isfinite().all()):
            raise NonFiniteError(f"The {name} to record on are NaN or infinite.")


@contextmanager
def _hooks(
    layers: Mapping[str, HiddenLayer], recorded: dict[str, torch.Tensor]
) -> Iterator[None]:
    """Record the output of the last module before the readers of each layer."""
    with ExitStack() as stack:
        for name, layer in layers.items():
            last: nn.Module = (layer.linear, *layer.between)[-1]

            def keep(
                module: nn.Module, args: Any, hidden: torch.Tensor, name: str = name
            ) -> None:
                del module, args  # Only what comes out counts.
                recorded[name] = hidden.detach()

            stack.callback(last.register_forward_hook(keep).remove)
        yield


def _forget_features(policy: BasePolicy) -> None:
    """Let every extractor run: hooks see nothing of features that are cached."""
    for module in policy.modules():
        if isinstance(module, OFEXiNet):
            module.forget()


@contextmanager
def _evaluating(policy: BasePolicy) -> Iterator[None]:
    """Evaluate; put back the mode of every module afterwards, even on error."""
    modes = {module: module.training for module in policy.modules()}
    try:
        policy.eval()
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
