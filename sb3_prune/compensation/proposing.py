"""Proposing: a strategy's plan, compensated, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from sb3_prune.compensation.compensating import Compensation, compensate
from sb3_prune.compensation.distillation import (
    Distillation,
    check_distillable,
    distil,
)
from sb3_prune.compensation.movement import Movement, respond
from sb3_prune.exceptions import (
    NonFiniteError,
    NoObservationsError,
    UnsupportedPolicyError,
)
from sb3_prune.strategies.base import AgentView, Strategy, plan_of
from sb3_prune.surgery.plan import Plan
from sb3_prune.surgery.report import Report
from sb3_prune.surgery.surgeon import apply
from sb3_prune.surgery.trial import copied

POOR = 0.3
"""A fit that misses more than this share deserves a remark."""
FRESH = (
    "the movement of outputs was measured with empty memory at each observation: in "
    "episodes, where LSTMs remember, it is another one"
)
"""Remark on agents with memory."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A plan, and what the compensation of its cuts is based on."""

    plan: Plan
    """The plan to carry out."""
    compensation: Compensation | None = None
    """The fits; None if the cuts are plain."""
    plain: str = ""
    """Why the cuts are plain, although nobody asked for that."""
    missing: bool = False
    """Whether they are because something that fits need was missing or damaged."""


def propose(strategy: Strategy, agent: AgentView) -> Proposal:
    """Return the plan of a strategy, compensated if the strategy says so.

    Raises:
        PlanError: The strategy proposes no plan.
        NoObservationsError: The strategy demands compensation, but there are too few
            observations.
        NonFiniteError: It does, but some are NaN or infinite.
        UnsupportedPolicyError: It does, but the policy cannot be copied.
    """
    plan = plan_of(strategy, agent)
    wanted = strategy.compensates
    if not plan or wanted is False:
        return Proposal(plan=plan, plain=_forgone(strategy) if plan else "")
    try:
        made, found = compensate(agent.model, plan, agent.inputs())
    except (NoObservationsError, NonFiniteError, UnsupportedPolicyError) as error:
        if wanted:
            raise
        why = f"the cuts are not compensated: {error}"
        return Proposal(plan=plan, plain=why, missing=True)
    return Proposal(plan=made, compensation=found)


def _forgone(strategy: Strategy) -> str:
    """Return why a strategy whose config leaves it open forgoes compensation."""
    if getattr(strategy.config, "compensate", False) is not None:
        return ""
    return (
        f"the cuts are not compensated: {strategy.name} does not compensate by itself, "
        "because of a strong penalty, for example. Set compensate to True or False"
    )


@dataclass(frozen=True, kw_only=True)
class PruneReport(Report):
    """What was changed, and for compensated cuts how well they fit."""

    compensation: Compensation | None = None
    """The fits; None if the cuts are plain."""
    movement: Movement | None = None
    """How far outputs moved on the observations of the fit, which fresh ones exceed;
    None if there are none."""
    distillation: Distillation | None = None
    """What a distillation after the cut achieved; None without one."""
    returns: tuple[float, ...] = ()
    """Mean returns that the pruned agent of each round played; the best one's was
    kept. Empty without rounds."""
    plain: str = ""
    """Why the cuts are plain, although nobody asked for that."""
    observations: int = 0
    """Number of observations that the strategy or the fits looked at."""

    def remarks(self) -> list[str]:
        """Return what deserves a look, one sentence per finding."""
        made = self.compensation
        found, fits = ({}, {}) if made is None else (made.plain, made.fits)
        left = [f"{n}: its cut is not compensated: {why}" for n, why in found.items()]
        poor = [
            f"{n}: the units that stay miss {fit.error:.0%} of what its units said"
            for n, fit in fits.items()
            if fit.error > POOR
        ]
        plain = [self.plain] if self.plain else []
        remembers = made is not None and made.inputs.lstm_states is not None
        fresh = [FRESH] if remembers and self.movement is not None else []
        return [*super().remarks(), *left, *poor, *plain, *fresh]

    def metrics(self) -> dict[str, float]:
        """Return what to log of a compensated cut; nothing for a plain one."""
        found, moved = self.compensation, self.movement
        if found is None or moved is None:
            return {}
        values = {
            "prune/fit_error": found.error,
            "prune/fit_observations": found.observations,
            "prune/moved_actions": moved.actions,
            "prune/moved_values": moved.values,
            "prune/kl": moved.kl,
        }
        return {name: value for name, value in values.items() if value is not None}


def carry_out(
    agent: AgentView,
    proposal: Proposal,
    distil_updates: int = 0,
    dense: nn.Module | None = None,
) -> PruneReport:
    """Apply a proposal; measure how far outputs move if its cuts are compensated.

    Args:
        agent: The agent.
        proposal: The proposal.
        distil_updates: Number of gradient steps towards the dense networks after that.
        dense: The policy to compare with; by default the agent's before the cut.

    Raises:
        NoObservationsError: There is too little to distil on; nothing changes.
        UnsupportedPolicyError: The policy cannot be distilled; nothing changes.
    """
    policy, found = agent.model.policy, proposal.compensation
    inputs = None if found is None else found.inputs
    if distil_updates and inputs is None:
        inputs = agent.inputs()
    if distil_updates and inputs is not None:  # Before anything changes.
        check_distillable(policy, inputs)
    if dense is None and distil_updates:
        dense = copied(policy)
    before = None if inputs is None else respond(dense or policy, inputs)
    report = apply(agent.model, proposal.plan)
    learnt = movement = None
    if dense is not None and inputs is not None and distil_updates:
        learnt = distil(policy, dense, inputs, distil_updates)
    if inputs is not None and before is not None:
        movement = before.moved(respond(policy, inputs))
    return PruneReport(
        **vars(report),
        compensation=found,
        movement=movement,
        plain=proposal.plain,
        distillation=learnt,
        observations=0 if found is None else found.observations,
    )
