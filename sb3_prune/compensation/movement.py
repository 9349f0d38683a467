"""Movement: how far a cut moved the actions, values and distributions of an agent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from torch import nn
from torch.distributions import Distribution, kl_divergence

from sb3_prune.recording.distributions import distribution_of
from sb3_prune.recording.observations import count_observations
from sb3_prune.recording.samples import part
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.flow.lstms import empty_states
from sb3_prune.surgery.flow.quiet import quiet

MOST = 1024
"""Largest number of observations to compare on."""


@dataclass(frozen=True, kw_only=True)
class Movement:
    """How far the outputs of an agent moved, on average over observations."""

    actions: float
    """Greedy actions: the root of the mean squared difference, divided by the standard
    deviation before. For discrete actions: the share of observations for which another
    action is chosen."""
    values: float | None
    """Values, or Q-values of all critics: relative as for actions, the largest of all
    values; None without."""
    kl: float | None
    r"""Kullback-Leibler divergence :math:`D(before \Vert after)` of the distributions
    of actions, in nats; None if the policy is deterministic."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Responses:
    """What an agent says to some observations."""

    actions: torch.Tensor
    """Greedy actions, (observations, ...); whole numbers if they are discrete."""
    values: torch.Tensor | None
    """Values, (observations, number of values)."""
    distributions: tuple[Distribution, ...]
    """Distributions of the actions; none if the policy is deterministic."""

    def moved(self, after: Responses) -> Movement:
        """Return how far other responses to the same observations are from these."""
        discrete = not self.actions.is_floating_point()
        other = (self.actions != after.actions).reshape(len(self.actions), -1)
        values = None
        if self.values is not None and after.values is not None:
            pair = zip(self.values.T, after.values.T, strict=True)
            values = max(distance(*columns) for columns in pair)
        pairs = zip(self.distributions, after.distributions, strict=True)
        apart = [kl_divergence(*pair).reshape(len(self.actions), -1) for pair in pairs]
        return Movement(
            actions=float(other.any(1).double().mean())
            if discrete
            else distance(self.actions, after.actions),
            values=values,
            # Of equal distributions rounding leaves a little on either side of 0.
            kl=max(float(torch.cat(apart, 1).sum(1).mean()), 0.0) if apart else None,
        )


def distance(before: torch.Tensor, after: torch.Tensor) -> float:
    """Return the root mean square of a difference, relative to the standard deviation.

    Args:
        before: Outputs, (observations, ...).
        after: Outputs for the same observations.
    """
    x, y = (t.double().reshape(len(t), -1) for t in (before, after))
    total = float((x - x.mean(0)).square().sum())
    far = float((x - y).square().sum())
    return (far / total) ** 0.5 if total > 0 else float(far > 0)


def respond(policy: Any, inputs: Inputs) -> Responses:
    """Return what an agent says to some of its inputs; LSTMs start with empty memory.

    Args:
        policy: The policy of the agent.
        inputs: Inputs; up to :data:`MOST`, evenly spaced, are used.
    """
    count = count_observations(inputs.observations)
    chosen = torch.linspace(0, count - 1, min(MOST, count)).round().long()
    inputs = part(replace(inputs, lstm_states=None), chosen)
    with quiet(policy):
        found = distribution_of(policy, inputs)
        stochastic = hasattr(policy, "get_distribution")
        actions = (
            found.mode() if stochastic else policy._predict(inputs.observations, True)
        )
        values = [v.reshape(len(actions), -1) for v in values_of(policy, inputs)]
        box = isinstance(policy.action_space, spaces.Box)
        return Responses(
            actions=actions if box else actions.long(),
            values=torch.cat(values, dim=1) if values else None,
            distributions=tuple(_plain(found)),
        )


def distributions(policy: Any, inputs: Inputs) -> list[Distribution]:
    """Return the distributions of the actions; none if the policy is deterministic."""
    return _plain(distribution_of(policy, inputs))


def _plain(found: Any) -> list[Distribution]:
    """Return the torch distributions inside one of SB3.

    A squashed Gaussian counts as the Gaussian: squashing both changes no divergence.
    """
    if found is None:
        return []
    inner = getattr(found, "distribution", None) or found.distributions
    return list(inner) if isinstance(inner, list | tuple) else [inner]


def values_of(policy: Any, inputs: Inputs) -> Iterator[torch.Tensor]:
    """Yield the values of every value network or critic, if it can be run.

    Values that stand for no action, as those that pad short branches, are left out.
    """
    for said in _said(policy, inputs):
        values = said.reshape(len(said), -1)
        yield values[:, (values > -torch.inf).any(dim=0)]


def _said(policy: Any, inputs: Inputs) -> Iterator[torch.Tensor]:
    seen: Any = inputs.observations
    if isinstance(policy, RecurrentActorCriticPolicy):
        count = count_observations(seen)
        state: Any = empty_states(policy, count).vf
        never = torch.zeros(count, device=policy.device)
        yield policy.predict_values(seen, state, never)
        return
    if hasattr(policy, "predict_values"):
        yield policy.predict_values(seen)
        return
    for name in ("q_net", "quantile_net", "value", "critic"):
        network = getattr(policy, name, None)
        given = (seen, inputs.actions) if name == "critic" else (seen,)
        if isinstance(network, nn.Module) and all(each is not None for each in given):
            said = network(*given)
            yield from said if isinstance(said, tuple) else (said,)
