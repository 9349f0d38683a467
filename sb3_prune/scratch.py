"""From scratch: an untrained agent that is as small as a pruned one.

Only a small dense net, trained from scratch, can tell whether pruning was worth it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast

import gymnasium as gym
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import VectorizedActionNoise
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from sb3_prune.algorithms.arguments import arguments_of, parameters_of
from sb3_prune.exceptions import (
    CompactError,
    ConfigError,
    SB3PruneError,
    UnknownNameError,
    UnsupportedPolicyError,
)
from sb3_prune.exporting.widths import twins, width_arguments
from sb3_prune.policies.zips import other_groups
from sb3_prune.runs.fresh import fresh_env
from sb3_prune.surgery.masking import closed_units, remove_closed
from sb3_prune.surgery.trial import copied
from sb3_prune.surgery.weight_masks import maskable, unmasked
from sb3_prune.surgery.wiring import wire
from sb3_prune.transplanting.buffers import CHOSEN, chosen_buffers
from sb3_prune.warning import warn

Model = TypeVar("Model", bound=BaseAlgorithm)
NOT_KEPT = ("initial_units",)
"""Arguments of a pruned policy that a new one does not need."""


def from_scratch(
    model: Model,
    env: VecEnv | gym.Env[Any, Any] | None = None,
    *,
    seed: int | None = None,
    **changes: Any,
) -> Model:
    """Return an untrained agent with the widths and hyperparameters of a pruned one.

    Train it for as many steps as the pruned agent had, over several seeds: if it comes
    as far, pruning was not needed. It is built by the constructor of its class, as if
    written by hand with a smaller ``net_arch``. Units with a closed gate do not count.

    Networks of one role, such as twin critics, get the width of the widest, which may
    be more than the pruned agent has. Hyperparameters are those of the pruned agent
    now: what was changed for pruning, such as a learning rate, wants a change back.

    Args:
        model: The pruned agent; it is not changed.
        env: The environment to train in; by default that of the model. Its number of
            environments matters, too.
        seed: Seed of its weights and of its environment.
        **changes: Arguments of the algorithm that the new agent has instead.

    Raises:
        UnsupportedPolicyError: No argument of the policy class sets the width of a
            layer, such as the channels of a ``NatureCNN``; or the arguments of the
            policy hold networks, which have learnt already.
        ConfigError: The environment is missing, or has other spaces; or it is
            normalised by statistics that have learnt already, or not normalised as the
            model's is. Or a setting of a class of yours is nowhere to be found, or the
            agent cannot be built.
        UnknownNameError: The algorithm has no argument of such a name.

    Warns:
        UserWarning: Single weights of the pruned agent are masked: the small dense net
            has them all, so it is larger. Or an optimiser was set by hand, with groups
            of parameters that are not built; or the agent does not begin to explore.
    """
    known = [*parameters_of(type(model)), "policy_kwargs"]
    for name in changes.keys() - set(known):
        raise UnknownNameError(f"argument of {type(model).__name__}", name, known)
    env = fresh_env(model, env)
    small = _opened(model.policy)
    found = _build(model, env, seed, _widths(small), changes)
    _check_widths(small, found.policy)
    _warn_of_masks(small)
    for why in other_groups(model, found):
        warn(why)
    _warn_of_exploration(found)
    return found


def _opened(policy: BasePolicy) -> BasePolicy:
    """Return a policy without closed units: a copy if there are some."""
    if not closed_units(wire(policy)):
        return policy
    try:
        small = cast("BasePolicy", copied(policy))
    except Exception as error:
        raise UnsupportedPolicyError(
            f"To leave out closed units takes a copy of {type(policy).__name__}, which "
            f"cannot be copied ({type(error).__name__}: {error}): remove them by "
            "sb3_prune.surgery.remove_closed(model) first."
        ) from error
    remove_closed(small)
    return small


def _widths(policy: BasePolicy) -> dict[str, Any]:
    try:
        return width_arguments(policy)
    except CompactError as error:
        raise UnsupportedPolicyError(
            f"There is no small dense agent like this one: {error}"
        ) from None


def _build(
    model: Model,
    env: VecEnv,
    seed: int | None,
    widths: Mapping[str, Any],
    changes: Mapping[str, Any],
) -> Model:
    settings = _settings(model, env, changes)
    kwargs = settings["policy_kwargs"] | widths
    settings["policy_kwargs"] = {n: v for n, v in kwargs.items() if n not in NOT_KEPT}
    _check_untrained(settings["policy_kwargs"])
    cls: Any = type(model)
    settings |= {"seed": seed, "device": model.device}
    try:
        found: Model = cls(model.policy_class, env, **settings)
    except SB3PruneError:
        raise
    except Exception as error:  # Policies and optimisers of users may raise anything.
        raise ConfigError(
            f"{cls.__name__} cannot be built from scratch: "
            f"{type(error).__name__}: {error}"
        ) from error
    return found


def _settings(
    model: BaseAlgorithm, env: VecEnv, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the constructor's arguments, with what SB3 is to choose left open."""
    given, kwargs = arguments_of(model, but=changes)
    buffers = chosen_buffers(model, env.observation_space)
    given |= {name: buffers[name] for name in buffers if name in given}
    for name, classes in CHOSEN.items():
        if given.get(name) in classes:
            given[name] = None
    given |= changes
    if given.get("action_noise") is not None:
        given["action_noise"] = restarted(given["action_noise"])
    return given | {"policy_kwargs": kwargs | (changes.get("policy_kwargs") or {})}


def restarted(noise: Any) -> Any:
    """Let noise on actions begin anew; SB3 makes one for each environment."""
    single = noise.base_noise if isinstance(noise, VectorizedActionNoise) else noise
    single.reset()
    return single


def _check_untrained(kwargs: Mapping[str, Any]) -> None:
    """Check that the arguments of a policy hold no networks and tensors."""
    for name, value in _leaves(kwargs):
        if isinstance(value, nn.Module | torch.Tensor):
            raise UnsupportedPolicyError(
                f"policy_kwargs{name} is a {type(value).__name__}, which the pruned "
                "agent has trained: give a fresh one by policy_kwargs=."
            )


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(each, f"{name}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _leaves(each, f"{name}[{index}]")
    else:
        yield name, value


def _check_widths(pruned: BasePolicy, small: BasePolicy) -> None:
    """Check that a policy class has heard of its widths."""
    widest = wire(pruned).units()
    for layers in twins(pruned):
        most = max(layer.units for layer in layers)
        widest |= {layer.name: most for layer in layers}
    if (units := wire(small).units()) != widest:
        raise UnsupportedPolicyError(
            f"{type(small).__name__} does not build the widths that it is told: "
            f"expected {widest}, got {units}."
        )


def _warn_of_masks(policy: BasePolicy) -> None:
    present = unmasked(policy)
    every = sum(module.weight.numel() for module in maskable(policy).values())
    if present < every:
        warn(
            f"{every - present:,} of {every:,} weights of the pruned agent are masked: "
            "the small dense agent has all of them."
        )


def _warn_of_exploration(model: Any) -> None:
    begins, ends = (
        getattr(model, f"exploration_{name}_eps", None) for name in ("initial", "final")
    )
    if begins is not None and ends is not None and begins <= ends:
        warn(
            f"exploration_initial_eps is {begins}, no more than exploration_final_eps: "
            "so does a trained agent go on. Pass exploration_initial_eps=1.0, say."
        )
