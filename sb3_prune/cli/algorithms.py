"""Algorithms: the algorithms that the command can train, by name."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gymnasium import spaces
from sb3_contrib import QRDQN, TQC, TRPO, CrossQ, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy

from sb3_prune import policies
from sb3_prune.algorithms import BranchingDQN, ValueSAC
from sb3_prune.cli.hyperparameters import check_values
from sb3_prune.cli.pairs import parse_pairs
from sb3_prune.cli.policy_kwargs import with_classes
from sb3_prune.exceptions import ConfigError, UnknownNameError

Space = spaces.Space[Any]

OPTION = "--algo-kwargs"
HAVE_FLAGS = {"policy", "env", "seed", "device", "learning_rate", "action_noise"}
"""Constructor arguments for which the command has options of their own."""
NOT_JSON = {
    "args",
    "replay_buffer_class",
    "rollout_buffer_class",
    "tensorboard_log",
    "verbose",
    "_init_setup_model",
}
"""Constructor arguments that the command sets, or that JSON cannot represent."""


@dataclass(frozen=True)
class Algorithm:
    """An algorithm and its policy classes that can be pruned."""

    name: str
    """Name on the command line."""
    cls: type[BaseAlgorithm]
    """Class of the algorithm."""
    policy: type[BasePolicy]
    """Masked class of the algorithm's ``MlpPolicy``."""
    action_spaces: tuple[type[Space], ...]
    """Classes of the action spaces that the algorithm supports."""
    ofexi: type[BasePolicy] | None = None
    """Policy class that reads the features of an OFEXiNet; None if there is none."""

    def policy_class(self, kind: str) -> type[BasePolicy]:
        """Return the policy class of a kind, ``mlp`` or ``ofexi``.

        Raises:
            ConfigError: The algorithm has no such policy.
        """
        if kind == "mlp":
            return self.policy
        if self.ofexi is None:
            known = [name for name, other in ALGORITHMS.items() if other.ofexi]
            raise ConfigError(
                f"{self.name} has no policy '{kind}'. Algorithms that have one: "
                f"{', '.join(known)}."
            )
        return self.ofexi

    def defaults(self) -> dict[str, Any]:
        """Return the arguments for ``--algo-kwargs`` with their defaults."""
        found: dict[str, Any] = {}
        for base in reversed(self.cls.__mro__):
            # BranchingDQN passes most arguments on to DQN.
            if issubclass(base, self.cls) or base is DQN:
                parameters = inspect.signature(base).parameters.values()
                found |= {
                    p.name: p.default for p in parameters if p.kind is not p.VAR_KEYWORD
                }
        return {n: found[n] for n in sorted(found.keys() - HAVE_FLAGS - NOT_JSON)}

    def read_arguments(self, texts: Sequence[str]) -> dict[str, Any]:
        """Parse and check constructor arguments, the values of ``--algo-kwargs``.

        Raises:
            ConfigError: A text is no pair, or a value is out of range.
            UnknownNameError: An argument does not exist or has an option of its own, or
                there is no class of torch of that name.
        """
        given, known = parse_pairs(OPTION, texts), self.defaults()
        for name in given:
            if name not in known:
                raise UnknownNameError(f"argument of {self.name}", name, known)
        check_values(given, known, OPTION)
        if given.get("policy_kwargs"):
            given["policy_kwargs"] = with_classes(given["policy_kwargs"])
        return given


_BOX = (spaces.Box,)
_DISCRETE = (spaces.Discrete,)
_MULTI = (spaces.MultiDiscrete,)
_DIGITS = (spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
_ANY = (spaces.Box, *_DIGITS)
_ACTOR_CRITIC = policies.MaskedActorCriticPolicy
_MASKABLE = policies.MaskedMaskableActorCriticPolicy
_VALUE_SAC = policies.MaskedValueSACPolicy
_RECURRENT = policies.MaskedRecurrentActorCriticPolicy

ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("dqn", DQN, policies.MaskedDQNPolicy, _DISCRETE),
        Algorithm("qrdqn", QRDQN, policies.MaskedQRDQNPolicy, _DISCRETE),
        Algorithm("branching-dqn", BranchingDQN, policies.BranchingDQNPolicy, _MULTI),
        Algorithm("sac", SAC, policies.MaskedSACPolicy, _BOX, policies.OFEXiSACPolicy),
        Algorithm(
            "value-sac", ValueSAC, _VALUE_SAC, _BOX, policies.OFEXiValueSACPolicy
        ),
        Algorithm("td3", TD3, policies.MaskedTD3Policy, _BOX, policies.OFEXiTD3Policy),
        Algorithm(
            "ddpg", DDPG, policies.MaskedTD3Policy, _BOX, policies.OFEXiTD3Policy
        ),
        Algorithm("tqc", TQC, policies.MaskedTQCPolicy, _BOX, policies.OFEXiTQCPolicy),
        Algorithm("crossq", CrossQ, policies.MaskedCrossQPolicy, _BOX),
        Algorithm("ppo", PPO, _ACTOR_CRITIC, _ANY, policies.OFEXiActorCriticPolicy),
        Algorithm("a2c", A2C, _ACTOR_CRITIC, _ANY, policies.OFEXiActorCriticPolicy),
        Algorithm("trpo", TRPO, _ACTOR_CRITIC, _ANY),
        Algorithm("maskable-ppo", MaskablePPO, _MASKABLE, _DIGITS),
        Algorithm("recurrent-ppo", RecurrentPPO, _RECURRENT, _ANY),
    )
}
"""Every algorithm by name."""


def find_algorithm(name: str) -> Algorithm:
    """Return an algorithm by name, which may be written as SB3 does: ``RecurrentPPO``.

    Raises:
        UnknownNameError: There is no such algorithm.
    """
    for algorithm in ALGORITHMS.values():
        if _letters(name) == _letters(algorithm.name):
            return algorithm
    raise UnknownNameError("algorithm", name, ALGORITHMS)


def _letters(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
