"""Forwards: every call by which an algorithm uses the networks of a policy."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial, singledispatch
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.policies import ActorCriticPolicy, BaseModel, BasePolicy
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import nn

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.networks.ofexinet import OFEXiNet
from sb3_prune.surgery.flow.known import is_of_known_package
from sb3_prune.surgery.flow.lstms import empty_states
from sb3_prune.surgery.flow.quiet import precision

Forward = tuple[str, Callable[[], Any]]
"""Name of a call, and the call."""


ACTING = ("forward", "forward-start", "_predict")
"""Forwards that choose actions, which SB3 does in evaluation mode."""
REPEATS = ("evaluate_actions", "predict_values", "_predict")
"""Forwards of SB3's own actor-critic policies that use networks as ``forward`` does."""
REDRAWS = ("reset_noise", "sample_noise", "resample_noise")
"""Methods by which networks with noise of their own draw it anew."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """A batch of inputs for an agent's networks."""

    observations: PyTorchObs
    """Observations as the policy gets them (normalised, if at all): (batch, ...)."""
    actions: torch.Tensor | None = None
    """Actions for critics, (batch, actions); a recording replaces None by its own."""
    lstm_states: RNNStates | None = None
    """For recordings of recurrent policies, each (layers, batch, hidden); None: 0."""


def all_forwards(policy: nn.Module, inputs: Inputs) -> Iterator[Forward]:
    """Yield every forward of a policy: stock ones, and those that its class declares.

    A class declares further forwards, for example of a head that only its own
    ``train()`` uses, by a method::

        def extra_forwards(self, observations, actions):
            yield "cost", lambda: self.cost_net(self.extract_features(observations))

    Args:
        policy: The policy.
        inputs: Inputs of the policy's networks, with actions.

    Raises:
        UnsupportedPolicyError: ``extra_forwards`` fails.
    """
    yield from forwards(policy, inputs)
    for name, module in policy.named_children():
        if isinstance(module, OFEXiNet):
            yield name, partial(_features, module, inputs)
    yield from _declared(policy, inputs)


def is_actor_critic(policy: nn.Module) -> bool:
    """Tell whether it is a policy without memory whose ``forward`` acts and judges."""
    has_memory = isinstance(policy, RecurrentActorCriticPolicy)
    stock = ActorCriticPolicy | MaskableActorCriticPolicy
    return isinstance(policy, stock) and not has_memory


def training_forwards(policy: nn.Module, inputs: Inputs) -> Iterator[Forward]:
    """Yield what training runs: first new draws of a user's noise, then all forwards.

    Args:
        policy: The policy.
        inputs: Inputs of the policy's networks, with actions.
    """
    for path, module in policy.named_modules():
        for name in redraws(module):
            yield f"{path}.{name}", getattr(module, name)
    yield from all_forwards(policy, inputs)


def redraws(module: nn.Module) -> list[str]:
    """Return the methods of a user's module that draw its noise anew."""
    methods = {name: getattr(type(module), name, None) for name in REDRAWS}
    return [
        name
        for name, method in methods.items()
        if inspect.isfunction(method) and not is_of_known_package(method)
        if not _needs_arguments(method)
    ]


def _needs_arguments(method: Callable[..., Any]) -> bool:
    given = list(inspect.signature(method).parameters.values())[1:]
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return any(p.default is p.empty and p.kind not in variable for p in given)


def is_optional(name: str) -> bool:
    """Tell whether a forward may fail in training mode, where stock code never runs it.

    Such are the forwards that choose actions, and new draws of noise.
    """
    return name in ACTING or name.rpartition(".")[2] in REDRAWS


def _declared(policy: nn.Module, inputs: Inputs) -> Iterator[Forward]:
    """Yield the forwards that a policy declares.

    Raises:
        UnsupportedPolicyError: The method fails, or yields something else than pairs.
    """
    extra = getattr(policy, "extra_forwards", None)
    if extra is None:
        return
    try:
        given = extra(inputs.observations, inputs.actions)
        yield from ((name, call) for name, call in given)
    except Exception as error:
        raise UnsupportedPolicyError(
            f"{type(policy).__name__}.extra_forwards fails on inputs drawn from its "
            "spaces, or yields no pairs of a name and a function: "
            f"{type(error).__name__}: {error}"
        ) from error


@singledispatch
def forwards(policy: nn.Module, inputs: Inputs) -> Iterator[Forward]:
    """Yield the stock forwards of a policy; further classes of policies register here.

    By default these are the forwards of all networks that the policy holds, target
    networks included, and ``_predict``.
    """
    for name, network in policy.named_children():
        if isinstance(network, BaseModel):
            yield from _network(name, network, inputs)
    if isinstance(policy, BasePolicy):
        yield "_predict", lambda: policy._predict(inputs.observations, True)


def _network(name: str, network: Any, inputs: Inputs) -> Iterator[Forward]:
    """Yield the forwards of one network; it gets actions if its forward takes them."""
    observations = inputs.observations
    takes = inspect.signature(network.forward).parameters
    reads_actions = any(parameter.startswith("action") for parameter in takes)
    given = (observations, inputs.actions) if reads_actions else (observations,)
    yield name, lambda: network(*given)
    for method in ("action_log_prob", "branch_values"):
        if hasattr(network, method):
            yield f"{name}.{method}", partial(getattr(network, method), observations)


@forwards.register(ActorCriticPolicy)
@forwards.register(MaskableActorCriticPolicy)
def _actor_critic(policy: Any, inputs: Inputs) -> Iterator[Forward]:
    observations, actions = inputs.observations, inputs.actions
    yield "forward", lambda: policy(observations, deterministic=True)
    yield "evaluate_actions", lambda: policy.evaluate_actions(observations, actions)
    yield "predict_values", lambda: policy.predict_values(observations)
    yield "_predict", lambda: policy._predict(observations, deterministic=True)


@forwards.register(RecurrentActorCriticPolicy)
def _recurrent(policy: RecurrentActorCriticPolicy, inputs: Inputs) -> Iterator[Forward]:
    """Yield runs over one sequence, so that memory matters, and over a fresh start."""
    run: Any = policy
    observations, actions = inputs.observations, inputs.actions
    assert actions is not None
    goes_on = torch.zeros(len(actions), device=policy.device)
    begins = goes_on.clone()
    begins[0] = 1.0
    empty = partial(empty_states, policy, 1)
    yield "forward", lambda: run(observations, empty(), goes_on, True)[:3]
    yield "forward-start", lambda: run(observations, empty(), begins, True)[:3]
    yield (
        "evaluate_actions",
        lambda: run.evaluate_actions(observations, actions, empty(), goes_on),
    )
    yield (
        "predict_values",
        lambda: run.predict_values(observations, empty().vf, goes_on),
    )


def _features(net: OFEXiNet, inputs: Inputs) -> torch.Tensor:
    observations = inputs.observations
    assert isinstance(observations, torch.Tensor)
    actions = None if net.phi_oa is None else inputs.actions
    predicted: torch.Tensor = net.f_pred(net.features(observations.float(), actions))
    return predicted


def sample_inputs(policy: Any, count: int = 3, seed: int = 0) -> Inputs:
    """Draw inputs from the spaces of a policy; floats are normal, clipped to bounds.

    Args:
        policy: The policy.
        count: Number of observations.
        seed: Seed of the draws; no global random state is touched.

    Raises:
        UnsupportedPolicyError: ``policy`` is not a policy.
    """
    if not hasattr(policy, "observation_space"):
        raise UnsupportedPolicyError(
            f"{type(policy).__name__} is no policy of Stable-Baselines3: it has no "
            "observation_space to draw inputs from."
        )
    rng = np.random.default_rng(seed)
    drawn = draw(policy.observation_space, count, rng)
    observations, _ = policy.obs_to_tensor(drawn)
    actions = flat_actions(policy.action_space, draw(policy.action_space, count, rng))
    # Rollout buffers hold every action as floats.
    held = torch.as_tensor(actions).to(policy.device, precision(policy))
    return Inputs(observations=observations, actions=held)


def flat_actions(space: spaces.Space[Any], actions: NDArray[Any]) -> NDArray[Any]:
    """Return actions as SB3's buffers hold them and networks read them.

    Args:
        space: The space of one action; a Box may have any number of axes.
        actions: The actions, (count, ...).

    Returns:
        Those of a Box as vectors, (count, entries); others as they are.
    """
    is_box = isinstance(space, spaces.Box)
    return actions.reshape(len(actions), -1) if is_box else actions


def draw(space: spaces.Space[Any], count: int, rng: np.random.Generator) -> Any:
    """Draw from a space; floats are normal, clipped to its bounds.

    Args:
        space: The space; its own random state is not touched.
        count: Number of draws.
        rng: Source of all draws.

    Returns:
        An array (count, ...), or one for each key of a dictionary.
    """
    if isinstance(space, spaces.Dict):
        return {key: draw(inner, count, rng) for key, inner in space.spaces.items()}
    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating):
        normal = rng.normal(size=(count, *space.shape)).astype(space.dtype)
        return np.clip(normal, space.low, space.high)
    seeded = type(space).__new__(type(space))
    seeded.__dict__.update(space.__dict__)
    seeded._np_random = rng
    return np.stack([np.asarray(seeded.sample()) for _ in range(count)])
