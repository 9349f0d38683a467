"""Prune: prune a model at once, outside of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from sb3_prune.compensation.distillation import check_distillable
from sb3_prune.compensation.proposing import PruneReport, carry_out, propose
from sb3_prune.compensation.rounds import best_of_rounds
from sb3_prune.exceptions import (
    ConfigError,
    require_at_least,
)
from sb3_prune.plugins.instances import instance_of
from sb3_prune.policies.adoption import adopt, check_prunable
from sb3_prune.recording.activations import (
    recent_activations,
)
from sb3_prune.recording.alike import check_alike
from sb3_prune.recording.inputs import recent_inputs
from sb3_prune.recording.leaving import check_free, leave
from sb3_prune.recording.looking import Looked
from sb3_prune.recording.normalisation import check_normalised
from sb3_prune.recording.playing import States, play_inputs
from sb3_prune.strategies.base import AgentView, Strategy
from sb3_prune.strategies.scheduled import ScheduledStrategy
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.flow.modes import usual_modes
from sb3_prune.surgery.trial import copied
from sb3_prune.surgery.weight_masks import mask_weights
from sb3_prune.surgery.wiring import Wiring, wire

FEWEST_INPUTS = 1024
"""Observations that are enough for the compensation of cuts ..."""
PER_UNIT = 4
"""... or so many per unit of the widest layer, if these are more."""
NO_ENV = "pass an env to prune, in which the agent plays, or load the replay buffer"
"""What helps if a buffer has too few observations, as that of a loaded model."""
MOST_INPUTS = 4096
"""Largest number of observations that are taken at once, unless more are needed."""


def make_strategy(
    strategy: str | Strategy, config: Mapping[str, Any] | None = None
) -> Strategy:
    """Build a strategy from its name and options; return an instance as it is.

    Args:
        strategy: Name of a strategy, or an instance.
        config: Options of the strategy; an instance has its own.

    Raises:
        UnknownNameError: No plug-in has a strategy of that name.
        ConfigError: An option does not exist or is out of range; or ``strategy`` is
            neither a name nor an instance, or an instance with further options.
    """
    return cast("Strategy", instance_of("strategies", strategy, config))


def inputs_needed(wiring: Wiring) -> int:
    """Return how many observations are enough for the compensation of cuts."""
    return max(FEWEST_INPUTS, PER_UNIT * max(wiring.units().values(), default=0))


def many_inputs(model: BaseAlgorithm, wiring: Wiring) -> Inputs:
    """Return as many recent inputs of a model as compensation can use."""
    return recent_inputs(model, max(MOST_INPUTS, inputs_needed(wiring)))


def look_at(
    model: BaseAlgorithm, progress: float, rng: np.random.Generator | None = None
) -> AgentView:
    """Return the view of a model that a strategy gets.

    If the policy is a stock one, it is converted to its masked class in place first
    (:func:`sb3_prune.adopt`).

    Args:
        model: A model of a supported policy.
        progress: Share of training done, in [0, 1].
        rng: Source of the strategy's randomness; seeded by the model's seed if None.

    Raises:
        UnsupportedPolicyError: There is no masked class for the policy, or it has no
            hidden layer to prune.
    """
    policy = adopt(model)
    wiring = wire(model)
    check_prunable(policy, wiring)
    return AgentView(
        model=model,
        wiring=wiring,
        initial_units={name: wiring.built[name] for name in wiring},
        progress=progress,
        rng=np.random.default_rng(model.seed) if rng is None else rng,
        activations=lambda: recent_activations(model),
        inputs=lambda: many_inputs(model, wiring),
    )


@usual_modes()
def prune(
    model: BaseAlgorithm,
    strategy: str | Strategy = "magnitude",
    config: Mapping[str, Any] | None = None,
    env: VecEnv | None = None,
    *,
    episodes: int = 10,
    states: States = "both",
    rounds: int = 0,
    distil_updates: int = 0,
) -> PruneReport:
    """Prune a model in place, all the way to the strategy's final state.

    The policy may be a masked or a stock one, and the model may come from a zip.
    Training can go on with ``model.learn``. To prune *while* training, pass a
    :class:`PruningCallback` to ``model.learn`` instead.

    With observations, the units that stay take over what removed ones did, unless the
    option ``compensate`` of the strategy is False. They come from ``env``; without it,
    from the model's buffer.

    Args:
        model: The model.
        strategy: Name of a strategy, or an instance.
        config: Options of the strategy, e.g. ``{"final_sparsity": 0.9}``.
        env: A vectorised environment in which the agent plays episodes first, with the
            normalisation of the training. It is reset, but not seeded. If the model
            trains in it, training goes on with a new episode.
        episodes: Number of episodes to play.
        states: Play greedily, draw actions, or play all episodes both ways.
        rounds: Number of further rounds. In each, the pruned agent plays, and the dense
            one is pruned anew on all states seen so far. The best round is kept.
        distil_updates: Number of gradient steps that follow the cut and train the
            pruned networks to answer as the dense ones did.

    Returns:
        Units and parameters before and after, how well the cuts fit, and on how many
        observations.

    Raises:
        UnknownNameError: No plug-in has a strategy of that name.
        ConfigError: An option does not exist or is out of range; or there are rounds,
            but no ``env``; or ``env`` is not vectorised, has other spaces, or lacks
            the normalisation of the model's own environment.
        NoObservationsError: The strategy needs more observations.
        UnsupportedPolicyError: There is no masked class for the policy, or it has no
            hidden layer to prune.
    """
    require_at_least("rounds", rounds, 0)
    require_at_least("distil_updates", distil_updates, 0)
    _require_env(model, env, rounds)
    made = make_strategy(strategy, config)
    agent = look_at(model, progress=1.0)
    made.attach(agent)
    if isinstance(made, ScheduledStrategy):  # An error may have ended its training.
        made.detach()
        made.attach(agent)
    try:
        looked = Looked(model, lambda: recent_inputs(model), NO_ENV)
        if env is not None:
            seen = play_inputs(model, env, episodes=episodes, states=states)
            looked = Looked(model, lambda: seen, "let the agent play more episodes")
            agent = replace(agent, inputs=lambda: seen)
        agent = replace(agent, activations=looked)
        dense = None
        if masks := made.propose_masks(agent):
            dense = _before_masks(agent, rounds, distil_updates)
            mask_weights(model, masks)
            agent = replace(agent, wiring=wire(model))
        if env is None or not rounds:
            report = carry_out(agent, propose(made, agent), distil_updates, dense)
        else:
            report = best_of_rounds(
                agent, made, env, rounds, episodes, states, distil_updates
            )
        used = max(report.observations, looked.observations)
        return replace(report, observations=used)
    finally:
        made.detach()
        if env is not None:
            leave(model, env)


def _before_masks(agent: AgentView, rounds: int, updates: int) -> nn.Module | None:
    """Return a copy of the policy before weights are masked, if something needs it.

    Raises:
        ConfigError: There are rounds, in each of which the dense agent is needed.
        NoObservationsError: There is too little to distil on.
        UnsupportedPolicyError: The policy cannot be distilled.
    """
    if rounds:
        raise ConfigError(
            f"rounds={rounds} needs a strategy that removes units: masks of weights "
            "are not drawn anew. Set rounds to 0."
        )
    if not updates:
        return None
    check_distillable(agent.model.policy, agent.inputs())
    return copied(agent.model.policy)


def _require_env(model: BaseAlgorithm, env: Any, rounds: int) -> None:
    """Check that a model can play in an environment, and that there is one to play."""
    if rounds and env is None:
        raise ConfigError(f"rounds={rounds} needs an env in which the agent plays.")
    if env is None:
        return
    if not isinstance(env, VecEnv):
        raise ConfigError(
            f"env must be a vectorised environment, got {type(env).__name__}: wrap it "
            "in a DummyVecEnv."
        )
    check_fits(model, env)


def check_fits(model: BaseAlgorithm, env: VecEnv) -> None:
    """Check that an environment is like that of a model.

    Raises:
        ConfigError: It has other spaces, is not normalised as the model's own is, or
            the model is training in it.
    """
    check_alike(model, env)
    check_free(model, env)
    check_normalised(model, env)
