"""Origins: which algorithm saved a zip; SB3 does not write its name there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stable_baselines3.common.policies import BasePolicy

from sb3_prune import policies
from sb3_prune.cli.algorithms import ALGORITHMS, Algorithm
from sb3_prune.exceptions import CheckpointError, CompactError, UnknownNameError
from sb3_prune.exporting.compaction import stock_class

DDPG = {"policy_delay": 1, "target_noise_clip": 0, "target_policy_noise": 0.1}
"""Settings of TD3 that DDPG always has; TD3's own noise is 0.2 by default."""
_ENTROPY = {"target_entropy"}
_EXPLORES, _CLIPS = {"exploration_fraction"}, {"clip_range"}
_NOISE = {"target_policy_noise"}
MARKS: Mapping[str, set[str]] = {
    **dict.fromkeys(("dqn", "branching-dqn"), _EXPLORES),
    "qrdqn": _EXPLORES | {"n_quantiles"},
    **dict.fromkeys(("sac", "value-sac"), _ENTROPY),
    "tqc": _ENTROPY | {"top_quantiles_to_drop_per_net"},
    "crossq": _ENTROPY | {"policy_delay"},
    **dict.fromkeys(("ddpg", "td3"), _NOISE),
    **dict.fromkeys(("ppo", "maskable-ppo", "recurrent-ppo"), _CLIPS),
    "trpo": {"cg_max_steps"},
    "a2c": {"gae_lambda"},
}
"""Algorithm -> attributes that it saves, whatever the version of SB3.

Of algorithms that share a policy class, those that are found last have marks of others.
"""


def algorithm_of(policy: type[BasePolicy], saved: Mapping[str, Any]) -> Algorithm:
    """Return the algorithm that saved a zip: its policy class and attributes tell.

    Args:
        policy: Policy class in the zip.
        saved: Saved attributes of the algorithm by name.

    Raises:
        UnknownNameError: No known algorithm has such a policy class.
        CheckpointError: One has, but it saves other attributes.
    """
    fitting = _with_policy(policy)
    for algorithm in fitting:
        if _has_marks(algorithm.name, saved):
            return algorithm
    if not fitting:
        known = {_stock(each.policy).__name__ for each in ALGORITHMS.values()}
        raise UnknownNameError(
            "policy class", policy.__name__, known, "Pass --algo if it is yours."
        )
    names = " or ".join(each.name for each in fitting)
    lacking = ", ".join(sorted(MARKS[fitting[-1].name]))
    raise CheckpointError(
        f"its policy_class {policy.__name__} is that of {names}, but it has no "
        f"{lacking}: another algorithm saved it."
    )


def check_origin(
    algorithm: Algorithm, policy: type[BasePolicy], saved: Mapping[str, Any]
) -> None:
    """Check that an algorithm can have saved a zip; policies of users fit any.

    Raises:
        CheckpointError: Another algorithm saved it.
    """
    if _with_policy(policy):
        found = algorithm_of(policy, saved)
        if algorithm is not found:
            raise CheckpointError(f"{found.name} saved it, not {algorithm.name}.")
    elif not _has_marks(algorithm.name, saved):
        lacking = ", ".join(sorted(MARKS[algorithm.name] - saved.keys()))
        raise CheckpointError(f"{algorithm.name} did not save it: it has no {lacking}.")


def _with_policy(policy: type[BasePolicy]) -> list[Algorithm]:
    """Return the algorithms with a policy class or its nearest base, a2c last."""
    if issubclass(policy, policies.BranchingDQNPolicy):
        return [ALGORITHMS["branching-dqn"]]
    if issubclass(policy, policies.ValuePolicyMixin):
        return [ALGORITHMS["value-sac"]]
    ordered = [ALGORITHMS[name] for name in MARKS]
    for base in _stock(policy).__mro__:
        found = [each for each in ordered if _stock(each.policy) is base]
        if found:
            return found
    return []


def _has_marks(name: str, saved: Mapping[str, Any]) -> bool:
    if name == "ddpg":  # SB3's DDPG is TD3 with these settings.
        return all(saved.get(key) == value for key, value in DDPG.items())
    return MARKS[name] <= saved.keys()


def _stock(policy: type[BasePolicy]) -> type[BasePolicy]:
    try:
        return stock_class(policy)
    except CompactError:
        return policy
