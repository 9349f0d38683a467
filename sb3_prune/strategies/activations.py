"""Activations: what the hidden units of an agent say about recent observations.

Nothing here leaves a trace in the model: modes, random state and gradients stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.type_aliases import PyTorchObs
from stable_baselines3.common.utils import obs_as_tensor
from stable_baselines3.dqn.policies import DQNPolicy
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import TD3Policy
from torch import nn

from sb3_prune.exceptions import NonFiniteError, SB3PruneError, UnsupportedPolicyError
from sb3_prune.surgery.wiring import HiddenLayer, wire


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """A batch of what an agent's networks read."""

    observations: PyTorchObs
    """As the policy gets them, normalised if it trains on normalised ones: (batch, ...)."""
    actions: torch.Tensor | None = None
    """For critics of actions, (batch, actions); the actor's own if None."""
    lstm_states: RNNStates | None = None
    """For recurrent policies, each tensor (layers, batch, hidden); zeros if None."""


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
        SB3PruneError: The model has seen nothing yet.
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
    with _untouched(policy), _hooks(layers, recorded), torch.no_grad():
        run_networks(policy, inputs)
    return {name: recorded[name] for name in layers}


def recent_inputs(model: BaseAlgorithm, batch_size: int = 256) -> Inputs:
    """Return recent inputs from a model's buffer, or its last observation.

    On-policy algorithms empty their buffer before each rollout: call this at the end
    of one and keep the result to have more than the last observation at the next start.

    Args:
        model: A model that has seen its environment.
        batch_size: Number of observations, at most.

    Raises:
        SB3PruneError: The model has seen nothing yet.
    """
    replay = getattr(model, "replay_buffer", None)
    if replay is not None and replay.size():
        with _untouched(model.policy):
            batch = replay.sample(batch_size, env=model.get_vec_normalize_env())
        return Inputs(observations=batch.observations, actions=batch.actions.float())
    rollout = getattr(model, "rollout_buffer", None)
    if rollout is not None and rollout.size():
        return _from_rollout(model, rollout, batch_size)
    if model._last_obs is None:
        raise SB3PruneError(
            "No recent observations: both the buffer and the last observation of this "
            f"{type(model).__name__} are empty. Call learn() first."
        )
    observations = obs_as_tensor(model._last_obs, model.device)
    states = getattr(model, "_last_lstm_states", None)
    return Inputs(observations=observations, lstm_states=states)


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
    observations = inputs.observations
    first = (
        next(iter(observations.values()))
        if isinstance(observations, dict)
        else observations
    )
    states = inputs.lstm_states
    if states is None:
        layers, _, size = policy.lstm_hidden_state_shape
        zeros = first.new_zeros(layers, len(first), size, dtype=torch.float32)
        states = RNNStates((zeros, zeros), (zeros, zeros))
    starts = first.new_zeros(len(first), dtype=torch.float32)
    policy.get_distribution(observations, states.pi, starts)  # type: ignore[arg-type]
    policy.predict_values(observations, states.vf, starts)  # type: ignore[arg-type]


def _from_rollout(
    model: BaseAlgorithm, buffer: RolloutBuffer, batch_size: int
) -> Inputs:
    """Take evenly spaced steps of a rollout, whether it was trained on yet or not."""
    total = buffer.size() * buffer.n_envs
    chosen = np.linspace(0, total - 1, min(total, batch_size)).round().astype(int)

    def pick(array: np.ndarray) -> torch.Tensor:
        if not buffer.generator_ready:
            array = buffer.swap_and_flatten(array[: buffer.size()])
        return torch.as_tensor(array[chosen], device=model.device)

    stored: Any = buffer.observations
    observations = (
        {key: pick(array) for key, array in stored.items()}
        if isinstance(stored, dict)
        else pick(stored)
    )
    if not hasattr(buffer, "hidden_states_pi"):
        return Inputs(observations=observations)

    going_on = 1 - pick(buffer.episode_starts).reshape(1, -1, 1)

    def state(name: str) -> torch.Tensor:
        array = getattr(buffer, name)
        if not buffer.generator_ready:
            array = array.swapaxes(1, 2)  # (steps, envs, layers, hidden)
        return pick(array).transpose(0, 1).contiguous() * going_on

    states = RNNStates(
        (state("hidden_states_pi"), state("cell_states_pi")),
        (state("hidden_states_vf"), state("cell_states_vf")),
    )
    return Inputs(observations=observations, lstm_states=states)


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


@contextmanager
def _untouched(policy: BasePolicy) -> Iterator[None]:
    """Evaluate, and put back modes and random state afterwards, even on error."""
    modes = {module: module.training for module in policy.modules()}
    state = np.random.get_state()
    devices = [policy.device] if policy.device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices):
            policy.eval()
            yield
    finally:
        np.random.set_state(state)
        for module, mode in modes.items():
            module.training = mode
