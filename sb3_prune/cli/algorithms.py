"""Algorithms: the algorithms that the command can train, by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gymnasium import spaces
from sb3_contrib import QRDQN, TQC, TRPO, CrossQ, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy

from sb3_prune import policies
from sb3_prune.algorithms import BranchingDQN, ValueSAC
from sb3_prune.exceptions import CompactError, ConfigError, UnknownNameError
from sb3_prune.exporters.compaction import stock_class

Space = spaces.Space[Any]

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

    def arguments(self) -> list[str]:
        """Return the names of the constructor arguments for ``--algo-kwargs``."""
        names: set[str] = set()
        for base in self.cls.__mro__:  # BranchingDQN passes most arguments on to DQN.
            if issubclass(base, self.cls) or base is DQN:
                parameters = inspect.signature(base).parameters.values()
                names |= {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
        return sorted(names - HAVE_FLAGS - NOT_JSON)

    def check_arguments(self, given: Mapping[str, Any]) -> None:
        """Check that constructor arguments exist.

        Raises:
            UnknownNameError: An argument does not exist or has an option of its own.
        """
        known = self.arguments()
        for name in given:
            if name not in known:
                raise UnknownNameError(f"argument of {self.name}", name, known)


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
    """Return an algorithm by name.

    Raises:
        UnknownNameError: There is no such algorithm.
    """
    if name not in ALGORITHMS:
        raise UnknownNameError("algorithm", name, ALGORITHMS)
    return ALGORITHMS[name]


def algorithm_of(policy: type[BasePolicy], saved: Mapping[str, Any]) -> Algorithm:
    """Return the algorithm that saved a zip.

    Args:
        policy: Policy class in the zip.
        saved: Saved attributes of the algorithm by name.

    Raises:
        UnknownNameError: No known algorithm has such a policy class.
    """
    if issubclass(policy, policies.BranchingDQNPolicy):
        return ALGORITHMS["branching-dqn"]
    if issubclass(policy, policies.ValuePolicyMixin):
        return ALGORITHMS["value-sac"]
    for base in _stock(policy).__mro__:
        for algorithm in _ORDER:
            if _stock(algorithm.policy) is base and _has_marks(algorithm.name, saved):
                return algorithm
    known = {_stock(algorithm.policy).__name__ for algorithm in ALGORITHMS.values()}
    raise UnknownNameError("policy class", policy.__name__, known, "Pass --algo.")


_ORDER = [ALGORITHMS[n] for n in ("ddpg", "ppo", "trpo", *ALGORITHMS)]
"""Algorithms in the order in which :func:`algorithm_of` tries them.

Of the algorithms that share a policy class, those that :func:`_has_marks` can recognise
come first.
"""


def _has_marks(name: str, saved: Mapping[str, Any]) -> bool:
    """Tell whether saved attributes fit an algorithm that shares its policy class."""
    if name == "ddpg":  # SB3's DDPG is TD3 with these two settings.
        return saved.get("policy_delay") == 1 and not saved.get("target_noise_clip")
    marks = {"ppo": "clip_range", "trpo": "cg_max_steps"}
    return name not in marks or marks[name] in saved


def _stock(policy: type[BasePolicy]) -> type[BasePolicy]:
    try:
        return stock_class(policy)
    except CompactError:
        return policy
