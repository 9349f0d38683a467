"""Tolerance: how many units each network needs to keep its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sb3_prune.compensation import Movement, Ranking, compensate, respond
from sb3_prune.compensation.fitting import held_out
from sb3_prune.exceptions import ConfigError, NoObservationsError
from sb3_prune.recording.observations import count_observations
from sb3_prune.recording.samples import part
from sb3_prune.strategies import AgentView
from sb3_prune.surgery import HiddenLayer, Plan
from sb3_prune.surgery.execution import carry_out
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.trial import copied
from sb3_prune_reconstruct.choosing import Chooser
from sb3_prune_reconstruct.config import ReconstructConfig

SMALLEST = 1e-5
"""Smallest relative error of a layer that is tried; larger ones are found by bisection
of the logarithm."""
SMALLER = 0.8
"""Factor by which errors shrink if all networks together move outputs too far."""
STEPS = 10
"""Number of bisections."""


def smallest(
    agent: AgentView,
    chooser: Chooser,
    config: ReconstructConfig,
    compensates: bool | None,
) -> Plan:
    """Return the plan that removes as many units as the tolerance allows.

    The layers of a network lose units together: each keeps as many as it needs for one
    relative error of what its readers get. The largest such error is searched for which
    outputs stay within the tolerance, on observations that the fit has not seen. Other
    networks are not cut while one is tried; at the end all are cut together, and the
    errors shrink until outputs stay within the tolerance. A network that moves no
    output stays.

    Args:
        agent: The agent.
        chooser: Chooses the units that stay.
        config: The tolerance and the networks.
        compensates: Whether the cuts will be compensated; None: if they can be.

    Raises:
        NoObservationsError: There are too few observations.
    """
    inputs = agent.inputs()
    held = held_out(count_observations(inputs.observations))
    seen, unseen = part(inputs, ~held), part(inputs, held)
    if not bool(held.any()):
        raise NoObservationsError(
            f"A tolerance needs observations to hold out, there are {len(held)}."
        )
    before = respond(agent.model.policy, unseen)

    def moved(plan: Plan) -> Movement:
        made = _compensated(agent, plan, seen, compensates)
        copy: Any = copied(agent.model.policy)
        carry_out(copy, made, follows=False)
        return before.moved(respond(copy, unseen))

    networks = list(agent.wiring.by_network(config.networks).values())
    errors = [_search(layers, chooser, config, moved) for layers in networks]
    while True:  # Networks may add up to more than the tolerance.
        widths: dict[str, int] = {}
        for layers, error in zip(networks, errors, strict=True):
            widths |= _widths(layers, chooser.rankings, error, config.min_units)
        plan = chooser.plan(widths)
        if not plan or is_within(moved(plan), config):
            return plan
        errors = [0.0 if e < SMALLEST else e * SMALLER for e in errors]


def _compensated(
    agent: AgentView, plan: Plan, inputs: Inputs, compensates: bool | None
) -> Plan:
    """Return what a plan becomes before it is carried out."""
    if compensates is False or not agent.physical:
        return plan
    try:
        return compensate(agent.model, plan, inputs)[0]
    except NoObservationsError:
        if compensates:
            raise
        return plan


def _search(
    layers: Sequence[HiddenLayer],
    chooser: Chooser,
    config: ReconstructConfig,
    moved: Callable[[Plan], Movement],
) -> float:
    """Return the largest relative error of layers that keeps outputs; 0 if none."""
    low, high, best = SMALLEST, 1.0, 0.0
    seen = False  # Whether the outputs show the network at all.
    for _ in range(STEPS):
        middle = (low * high) ** 0.5
        plan = chooser.plan(_widths(layers, chooser.rankings, middle, config.min_units))
        far = moved(plan) if plan else None
        seen = seen or (far is not None and any(vars(far).values()))
        if far is None or is_within(far, config):
            low = best = middle
        else:
            high = middle
    return best if seen else 0.0


def _widths(
    layers: Sequence[HiddenLayer],
    rankings: Mapping[str, Ranking],
    error: float,
    least: int,
) -> dict[str, int]:
    """Return the units that layers need for an error, where these are not all."""
    needed = {
        layer: max(least, rankings[layer.name].needed(error))
        for layer in (layers if error else ())
    }
    return {la.name: count for la, count in needed.items() if count < la.units}


def is_within(moved: Movement, config: ReconstructConfig) -> bool:
    """Tell whether outputs moved no farther than the tolerance allows.

    Raises:
        ConfigError: It limits a divergence, and there are no distributions.
    """
    assert config.tolerance is not None
    if config.measure == "kl" and moved.kl is None:
        raise ConfigError(
            "measure='kl' needs an agent whose actions have a distribution: set "
            "measure to 'error'."
        )
    first = moved.kl if config.measure == "kl" else moved.actions
    far = [value for value in (first, moved.values) if value is not None]
    return all(value <= config.tolerance for value in far)
