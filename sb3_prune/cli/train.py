"""``sb3-prune train``: train an agent and prune it during training."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.cli.algorithms import ALGORITHMS, OPTION, Algorithm, find_algorithm
from sb3_prune.cli.environments import find_env
from sb3_prune.cli.hyperparameters import UNITS
from sb3_prune.cli.kinds import policy_for
from sb3_prune.cli.lines import TrainOptions
from sb3_prune.cli.pairs import parse_pairs
from sb3_prune.cli.parsing import flag
from sb3_prune.cli.running import Run
from sb3_prune.cli.staging import parse_staged
from sb3_prune.exceptions import ConfigError, UnknownNameError

_BAD_ARGUMENTS = (
    AssertionError,
    AttributeError,
    IndexError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""Errors that SB3's constructors raise if an argument is wrong."""
_NO_ARGUMENTS = {"args", "kwargs", "observation_space", "action_space", "lr_schedule"}
"""Parameters of policies that users do not set."""


def main(arguments: Sequence[str]) -> None:
    """Run the command.

    Raises:
        SB3PruneError: The input is bad; nothing was written.
    """
    options, strategy = parse_staged(TrainOptions, arguments, "train", optional=True)
    options.check()
    algorithm = find_algorithm(options.algo)
    if options.policy != "auto":
        algorithm.policy_class(options.policy)
    kwargs = algorithm_kwargs(options, algorithm)
    torch.set_num_threads(options.threads)
    maker = find_env(
        options.env,
        parse_pairs("--env-kwargs", options.env_kwargs),
        lambda space: isinstance(space, algorithm.action_spaces),
    )
    env = maker.make(options.n_envs, options.seed)
    run = Run(
        command="train",
        arguments=arguments,
        options=options,
        algorithm=algorithm.name,
        model=build(algorithm, env, options, kwargs),
        maker=maker,
        strategy=strategy,
        physical=not options.masks_only,
        keep_best=options.keep_best,
    )
    print("\n".join([*run.carry_out().lines(), f"{'folder':<18} {options.out}"]))


def build(
    algorithm: Algorithm, env: VecEnv, options: TrainOptions, kwargs: dict[str, Any]
) -> BaseAlgorithm:
    """Build the agent.

    Raises:
        ConfigError: The algorithm cannot learn in the environment, or not with these
            arguments.
    """
    _check_actions(algorithm, env)
    policy = policy_for(algorithm, options.policy, env.observation_space)
    if options.action_noise is not None:
        kwargs = kwargs | {"action_noise": _noise(algorithm, env, options.action_noise)}
    cls: Any = algorithm.cls
    try:
        model: BaseAlgorithm = cls(
            policy,
            env,
            seed=options.seed,
            device=options.device,
            **kwargs,
        )
    except _BAD_ARGUMENTS as error:
        _check_names(policy, kwargs.get("policy_kwargs", {}))
        raise ConfigError(f"{algorithm.name} cannot be built: {error}") from error
    return model


def algorithm_kwargs(options: TrainOptions, algorithm: Algorithm) -> dict[str, Any]:
    """Return the arguments of the algorithm that options give.

    Raises:
        ConfigError: A value is out of range.
        UnknownNameError: An argument does not exist, or has an option of its own.
    """
    kwargs = algorithm.read_arguments(options.algo_kwargs)
    if not all(map(UNITS.accepts, options.net_arch)):
        raise ConfigError(f"--net-arch must be {UNITS}, got {options.net_arch}.")
    policy_kwargs = dict(kwargs.get("policy_kwargs") or {})
    flags: dict[str, Any] = {}
    if options.net_arch:
        flags["net_arch"] = list(options.net_arch)
    if options.ofe:
        flags["ofe"] = _ofe_options(options)
    _check_once(flags, policy_kwargs)
    if flags or policy_kwargs:
        kwargs["policy_kwargs"] = policy_kwargs | flags
    if options.learning_rate is not None:
        kwargs["learning_rate"] = options.learning_rate
    return kwargs


def _check_once(flags: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    for name in flags.keys() & given.keys():
        raise ConfigError(
            f"{flag(name)} and {name} of policy_kwargs in {OPTION} are "
            f"one setting: it is {flags[name]} and {given[name]}, give one of them."
        )


def _check_names(policy: type[BasePolicy], given: Mapping[str, Any]) -> None:
    """Check that arguments of a policy exist, once it could not be built.

    Raises:
        UnknownNameError: One does not exist.
    """
    known = {
        name for cls in policy.__mro__ for name in inspect.signature(cls).parameters
    }
    for name in given:
        if name not in known:
            raise UnknownNameError(
                "argument of the policy", name, known - _NO_ARGUMENTS
            )


def _ofe_options(options: TrainOptions) -> dict[str, Any]:
    if options.policy != "ofexi":
        raise ConfigError(
            f"--ofe is for --policy ofexi, got --policy {options.policy}."
        )
    given = parse_pairs("--ofe", options.ofe)
    for name, value in given.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"--ofe: {name} must be finite, got {value}.")
        if name in ("blocks", "units") and not UNITS.accepts(value):
            raise ConfigError(f"--ofe: {name} must be {UNITS}, got {value!r}.")
    return given


def _check_actions(algorithm: Algorithm, env: VecEnv) -> None:
    if isinstance(env.action_space, algorithm.action_spaces):
        return
    wanted = " or ".join(cls.__name__ for cls in algorithm.action_spaces)
    fitting = [
        name
        for name, other in ALGORITHMS.items()
        if isinstance(env.action_space, other.action_spaces)
    ]
    raise ConfigError(
        f"{algorithm.name} needs {wanted} actions, the environment has "
        f"{env.action_space}. Algorithms that fit: {', '.join(fitting) or '(none)'}."
    )


def _noise(algorithm: Algorithm, env: VecEnv, sigma: float) -> NormalActionNoise:
    if not issubclass(algorithm.cls, OffPolicyAlgorithm) or not 0 < sigma < math.inf:
        raise ConfigError(
            "--action-noise must be positive and finite, and needs an off-policy "
            f"algorithm with Box actions; got {sigma} for {algorithm.name}."
        )
    shape = env.action_space.shape
    assert shape is not None
    return NormalActionNoise(np.zeros(shape), np.full(shape, sigma))
