"""Adopt: give the policy of a stock model its gates, in place."""

from __future__ import annotations

from typing import Any, cast

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.policies import masked
from sb3_prune.policies.mixin import MaskedPolicyMixin
from sb3_prune.surgery.dimensions import refresh_caches
from sb3_prune.surgery.memory import refresh_memory
from sb3_prune.surgery.wiring import wire

MASKED: dict[type[BasePolicy], type[MaskedPolicyMixin]] = {
    masked.stock_base(cls): cls for cls in masked.CLASSES
}
"""The masked class of each stock policy class."""


def adopt(model: BaseAlgorithm) -> MaskedPolicyMixin:
    """Give a model of a stock policy class its gates; a masked model stays as it is.

    Call it also after ``set_parameters`` of another width if networks have an LSTM or
    batch normalisation: SB3 makes room for states, and looks for statistics, when it
    builds them.

    The policy object keeps its identity, weights, targets and optimisers: it only
    becomes an instance of the masked subclass, so nothing that holds it goes stale.

    Args:
        model: A model, e.g. from ``SAC.load("stock.zip")``.

    Returns:
        The model's policy.

    Raises:
        UnsupportedPolicyError: There is no masked class for the policy, or it cannot be
            traced; the model is as it was.
    """
    policy = model.policy
    wire(policy)  # A policy that cannot be traced says so first.
    if not isinstance(policy, MaskedPolicyMixin):
        _become(model, policy, _masked_class(policy))
    refresh_caches(model)
    refresh_memory(model)
    assert isinstance(policy, MaskedPolicyMixin)
    return policy


def _masked_class(policy: BasePolicy) -> type[MaskedPolicyMixin]:
    """Return the masked class of a stock policy."""
    name = type(policy).__name__
    if type(policy) not in MASKED:
        known = ", ".join(sorted({cls.__name__ for cls in MASKED}))
        raise UnsupportedPolicyError(
            f"No masked class for {name}. Known: {known}. For your own, write\n"
            f"    from sb3_prune import MaskedPolicyMixin\n"
            f"    from {type(policy).__module__} import {name}\n"
            f"    class Masked{name}(MaskedPolicyMixin, {name}): ...\n"
            "in a module that can be imported, and build or load the model with it."
        )
    return MASKED[type(policy)]


def _become(model: BaseAlgorithm, policy: Any, cls: type[MaskedPolicyMixin]) -> None:
    """Make a policy one of another class, gates and all, or leave it as it was."""
    before, attributes = type(policy), dict(vars(policy))
    policy.__class__ = cls
    try:
        policy.initialize_gates()
    except BaseException:
        policy.__class__ = before
        vars(policy).clear()
        vars(policy).update(attributes)
        raise
    model.policy_class = cast(Any, cls)
