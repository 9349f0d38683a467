"""Networks that users write: policies of every kind, for the tests of surgery."""

from __future__ import annotations

from functools import cache
from inspect import signature
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from user_networks.body_rows import MLPS, NORMS
from user_networks.case import Case
from user_networks.extractor_rows import CNNS, SEQUENCES
from user_networks.odd_rows import ODD
from user_networks.own_rows import OFF_POLICY, ON_POLICY

USER_CASES: dict[str, Case] = (
    MLPS | NORMS | ODD | SEQUENCES | CNNS | ON_POLICY | OFF_POLICY
)
"""Every case by name."""

OFF = {"learning_starts": 32, "batch_size": 16, "buffer_size": 500}
ON = {"n_steps": 32}


def make_user_model(
    name: str, masked: type | None = None, **kwargs: Any
) -> BaseAlgorithm:
    """Make the tiny model of a case.

    Args:
        name: Name of the case.
        masked: A mixin to put in front of the policy class.
        **kwargs: Arguments of the algorithm; ``env`` and ``policy_kwargs`` among them.
    """
    case = USER_CASES[name]
    policy = case.policy if masked is None else mixed(masked, case.policy)
    on_policy = not issubclass(case.algorithm, OffPolicyAlgorithm)
    arguments: dict[str, Any] = dict(ON if on_policy else OFF)
    if on_policy and "batch_size" in signature(case.algorithm).parameters:
        arguments |= {"batch_size": 16, "n_epochs": 2}
    env = kwargs.pop("env", None) or case.env()
    policy_kwargs = {**case.policy_kwargs, **kwargs.pop("policy_kwargs", {})}
    arguments |= {"device": "cpu", "seed": 0, **case.arguments, **kwargs}
    return case.algorithm(policy, env, policy_kwargs=policy_kwargs, **arguments)


@cache
def mixed(mixin: type, policy: type) -> type:
    """Put a mixin in front of a policy class, under a name that zips can import.

    Another process has to make the class before it loads such a zip.
    """
    name = f"Masked{policy.__name__}"
    made = type(name, (mixin, policy), {"__module__": __name__})
    globals()[name] = made
    return made
