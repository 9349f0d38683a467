"""Initialising: draw a fresh agent anew until its screener lets it pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger

from sb3_prune.exceptions import ScreeningError
from sb3_prune.runs.learning import learn_and_close
from sb3_prune.screening.base import Screener, make_screener
from sb3_prune.screening.callback import ScreeningCallback, require_threshold

Model = TypeVar("Model", bound=BaseAlgorithm)

LONG = 10**12
"""Steps of the training of which agents act the beginning: schedules, such as DQN's
exploration, are at their start."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn(Generic[Model]):
    """A fresh agent that passed, and what it took to find it."""

    model: Model
    """The agent, as ``make_model(seed)`` returns it: its training has not begun."""
    seed: int
    """Its seed."""
    values: dict[int, float]
    """Value of every seed that was tried."""
    steps: int
    """Environment steps that all of them took."""


def draw_until(
    make_model: Callable[[int], Model],
    threshold: float,
    screener: str | Screener = "policy-entropy",
    seeds: Iterable[int] = range(100),
) -> Drawn[Model]:
    """Return the first fresh agent that passes (entropy-aware initialisation).

    Each agent acts for the window of the screener, as its algorithm acts at the start
    of a training, but learns nothing. The agent that is returned is made anew, so its
    training is that of an agent which nobody screened.

    Source: Jang & Kim 2021, "Entropy-aware model initialization for effective
    exploration in deep reinforcement learning".

    Args:
        make_model: Returns a fresh agent with its environment, by a seed.
        threshold: What values are compared with, see the option ``direction``.
        screener: Name of a screener, or an instance.
        seeds: Seeds to try, in this order.

    Raises:
        ConfigError: The threshold is no finite number.
        ScreeningError: No seed passes; the message has the best value. Or
            ``make_model`` does not return a fresh agent, equal for equal seeds.
        UnknownNameError: No plug-in has a screener of that name.
    """
    require_threshold(threshold)
    judge = make_screener(screener)
    values: dict[int, float] = {}
    steps = 0
    for seed in seeds:
        tried = make_model(seed)
        weights = _weights(tried)
        found = _acted(tried, judge)
        assert found.value is not None
        values[seed], steps = found.value, steps + found.steps
        if judge.passes(found.value, threshold):
            model = make_model(seed)
            if model is tried or not _are_equal(_weights(model), weights):
                raise ScreeningError(_another(seed))
            return Drawn(model=model, seed=seed, values=values, steps=steps)
    raise ScreeningError(_nobody(judge, threshold, values))


class _UntilMeasured(ScreeningCallback):
    """Ends the run with the window."""

    def _on_step(self) -> bool:
        return super()._on_step() and self.value is None


def _acted(model: BaseAlgorithm, screener: Screener) -> ScreeningCallback:
    """Let an agent act for a window without learning; close its environment."""
    learnt: Any = model
    learnt.train = lambda *_, **__: None
    model.set_logger(Logger(None, []))  # Who is not kept leaves no log.
    callback = _UntilMeasured(screener)
    learn_and_close(model, LONG, callback)
    return callback


def _weights(model: BaseAlgorithm) -> list[torch.Tensor]:
    return [weight.detach().clone() for weight in model.policy.parameters()]


def _are_equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return len(one) == len(other) and all(map(torch.equal, one, other))


def _another(seed: int) -> str:
    return (
        f"The agent of seed {seed} that passed cannot be had: make_model({seed}) must "
        "return a fresh agent at every call, and each time the same, but it returned "
        "one that had acted, or one with other weights. Does it pass on its seed?"
    )


def _nobody(screener: Screener, threshold: float, values: dict[int, float]) -> str:
    if not values:
        return "No seed to try: expected at least one."
    best = max if screener.config.direction == "above" else min
    seed = best(values, key=values.__getitem__)
    return (
        f"None of {len(values)} seeds passes: expected '{screener.name}' "
        f"{screener.config.direction} {threshold:g}, the best is {values[seed]:.4g} "
        f"of seed {seed}. Choose another threshold, or try more seeds."
    )
