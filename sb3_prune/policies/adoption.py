"""Adoption: insert gates into the policy of a stock model, in place."""

from __future__ import annotations

from typing import Any, cast

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from torch import nn

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.policies import masked
from sb3_prune.policies.mixin import MaskedPolicyMixin
from sb3_prune.surgery.dimensions import refresh_caches
from sb3_prune.surgery.flow.modes import usual_modes
from sb3_prune.surgery.memory import note_widths, refresh_memory
from sb3_prune.surgery.wiring import Wiring, note_owner, wire

MASKED: dict[type[BasePolicy], type[MaskedPolicyMixin]] = {
    masked.stock_base(cls): cls for cls in masked.CLASSES
}
"""The masked class of each stock policy class."""


@usual_modes()
def adopt(model: BaseAlgorithm) -> MaskedPolicyMixin:
    """Insert gates into the policy of a stock model; a masked policy keeps its gates.

    The policy stays the same object, with the same weights, target networks and
    optimisers. Only its class changes, to the masked subclass. So every reference to
    the policy stays valid.

    Also call ``adopt`` after ``set_parameters`` has changed the width of a policy with
    an LSTM or batch normalisation. SB3 sizes the buffers of LSTM states, and lists the
    batch statistics, only when it builds the model; ``adopt`` updates both.

    Args:
        model: A model, e.g. from ``SAC.load("stock.zip")``.

    Returns:
        The model's policy.

    Raises:
        UnsupportedPolicyError: The policy has no masked class or cannot be traced. The
            model is unchanged.
    """
    policy = model.policy
    wire(policy)  # Raises first if the policy cannot be traced.
    if not isinstance(policy, MaskedPolicyMixin):
        _become(model, policy, _masked_class(model))
    if model.policy_class in MASKED:  # The policy is another model's, too.
        model.policy_class = cast(Any, type(policy))
    refresh_caches(model)
    refresh_memory(model)
    note_widths(model, wire(model).values())
    note_owner(model)
    assert isinstance(policy, MaskedPolicyMixin)
    return policy


def check_prunable(policy: nn.Module, wiring: Wiring) -> None:
    """Check that a policy has hidden layers that can be pruned.

    Args:
        policy: The policy.
        wiring: Its wiring.

    Raises:
        UnsupportedPolicyError: It has none.
    """
    if not wiring:
        fixed = wiring.fixed.items()
        why = "; ".join(f"{n}: {w}" for n, w in fixed) or "net_arch is empty"
        raise UnsupportedPolicyError(
            f"{type(policy).__name__} has no hidden layer to prune: {why}."
        )


def _masked_class(model: BaseAlgorithm) -> type[MaskedPolicyMixin]:
    """Return the masked class of a stock policy."""
    policy = model.policy
    if type(policy) not in MASKED:
        check_prunable(policy, wire(model))
        known = ", ".join(sorted({cls.__name__ for cls in MASKED}))
        raise UnsupportedPolicyError(
            f"{type(policy).__name__} has no masked class. Policies that have one: "
            f"{known}. {how_to_mask(policy)}"
        )
    return MASKED[type(policy)]


def how_to_mask(policy: nn.Module) -> str:
    """Return what to write for a policy class of one's own."""
    name = type(policy).__name__
    return (
        "For a policy class of your own, write\n"
        f"    from sb3_prune import MaskedPolicyMixin\n"
        f"    from {type(policy).__module__} import {name}\n"
        f"    class Masked{name}(MaskedPolicyMixin, {name}): ...\n"
        "in a module that can be imported, and build or load the model with "
        f"Masked{name}."
    )


def _become(model: BaseAlgorithm, policy: Any, cls: type[MaskedPolicyMixin]) -> None:
    """Change the class of a policy and insert its gates; undo both on an error."""
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
