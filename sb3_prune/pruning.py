"""Prune: prune a model at once, outside of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune import plugins
from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.policies.adoption import adopt
from sb3_prune.recording.activations import recent_activations
from sb3_prune.strategies.base import AgentView, Strategy
from sb3_prune.surgery.surgeon import Report, apply
from sb3_prune.surgery.wiring import wire


def make_strategy(
    strategy: str | Strategy, config: Mapping[str, Any] | None = None
) -> Strategy:
    """Build a strategy from its name and options; return an instance as it is.

    Args:
        strategy: Name of a strategy, or an instance.
        config: Options of the strategy; ignored if ``strategy`` is an instance.

    Raises:
        UnknownNameError: No plug-in has a strategy of that name.
        ConfigError: An option does not exist or is out of range.
    """
    if isinstance(strategy, Strategy):
        return strategy
    made = plugins.make("strategies", strategy, config)
    assert isinstance(made, Strategy)
    return made


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
    if not wiring:
        fixed = wiring.fixed.items()
        why = "; ".join(f"{n}: {w}" for n, w in fixed) or "net_arch is empty"
        raise UnsupportedPolicyError(
            f"{type(policy).__name__} has no hidden layer to prune: {why}."
        )
    return AgentView(
        model=model,
        wiring=wiring,
        # A network that was replaced after the policy was built has no entry: its
        # present width is its initial width.
        initial_units={
            name: policy.initial_units.get(name, units)
            for name, units in wiring.units().items()
        },
        progress=progress,
        rng=np.random.default_rng(model.seed) if rng is None else rng,
        activations=lambda: recent_activations(model),
    )


def prune(
    model: BaseAlgorithm,
    strategy: str | Strategy = "magnitude",
    config: Mapping[str, Any] | None = None,
) -> Report:
    """Prune a model in place, all the way to the strategy's final state.

    The policy may be a masked or a stock one, and the model may come from a zip.
    Training can go on with ``model.learn``. To prune *while* training, pass a
    :class:`PruningCallback` to ``model.learn`` instead.

    Args:
        model: The model.
        strategy: Name of a strategy, or an instance.
        config: Options of the strategy, e.g. ``{"final_sparsity": 0.9}``.

    Returns:
        Units and parameters before and after.

    Raises:
        UnknownNameError: No plug-in has a strategy of that name.
        ConfigError: An option does not exist or is out of range.
        UnsupportedPolicyError: There is no masked class for the policy, or it has no
            hidden layer to prune.
    """
    made = make_strategy(strategy, config)
    agent = look_at(model, progress=1.0)
    made.attach(agent)
    try:
        return apply(model, made.propose(agent))
    finally:
        made.detach()
