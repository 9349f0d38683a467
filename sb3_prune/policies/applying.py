"""Applying: carry out a plan so that the model can be saved and loaded afterwards."""

from __future__ import annotations

from collections.abc import Mapping

from stable_baselines3.common.base_class import BaseAlgorithm
from torch import nn

from sb3_prune.policies.adoption import MASKED, adopt
from sb3_prune.policies.zips import hindrance_of_policy
from sb3_prune.surgery import surgeon
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.report import Report
from sb3_prune.surgery.wiring import owner_of
from sb3_prune.warning import warn


def apply(model: BaseAlgorithm | nn.Module, plan: Mapping[str, Change]) -> Report:
    """Carry out a plan, in place.

    Online networks, target networks and the state of every optimiser change together. A
    plan that is refused leaves the model untouched, bit for bit. A stock policy class
    builds the widths of its arguments, and cannot load others. So the policy of a stock
    model gets its masked class (:func:`sb3_prune.adopt`) once units have changed. The
    rest is the work of :func:`sb3_prune.surgery.apply`.

    Args:
        model: A Stable-Baselines3 model, or a policy. A policy that belongs to a model
            knows it once the model was given to this function, to :func:`wire` or to
            ``adopt``; then the model changes, too. Before, give the model: what it
            holds beside the policy, such as an optimiser, would go stale.
        plan: Changes by layer name, e.g. a :class:`Plan`.

    Returns:
        Units and parameters before and after, and what deserves a look.

    Raises:
        UnknownNameError: The model has no such hidden layer.
        PlanError: A value is not a change, is for another number of units, or mixes
            closed units; or a layer, an optimiser or an attribute cannot change.
        NonFiniteError: A weight is NaN or infinite, or would become infinite.
        UnsupportedPolicyError: The policy cannot be traced, or a trial fails.

    Warns:
        UserWarning: The policy class is of your own, and cannot load the new widths: a
            zip of the model could be saved, but not loaded. The warning comes after the
            change, even where a filter turns it into an error.
    """
    report = surgeon.apply(model, plan)
    owner = owner_of(model)
    if not report.units or not isinstance(owner, BaseAlgorithm):
        return report
    if type(owner.policy) in MASKED:
        adopt(owner)
    for why in hindrance_of_policy(owner):
        warn(f"A zip of this model cannot be loaded. {why}")
    return report
