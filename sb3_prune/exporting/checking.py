"""Checking: does an export act as its agent does?"""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecNormalize

from sb3_prune.exporting.asking import Agent, Arrays
from sb3_prune.exporting.checks import Check
from sb3_prune.exporting.comparison import Comparison
from sb3_prune.exporting.samples import from_episodes, from_space, from_statistics

TOLERANCE = 1e-5
"""Largest difference of actions, and of the logits or values between which a choice is
a tie. Actions are measured by half of their box, those that are clipped by the largest
of their batch (1 at least) if that is less; choices by the spread of the logits or
values of their observation, states and additional outputs by themselves, these by 1 at
least."""
OBSERVATIONS = 1000
"""Number of observations from each source."""


TOGETHER = 140
"""Number of observations that exports for batches of any size are given at once."""


class Together(Agent):
    """An export that is asked for all observations of a batch at once."""

    def _ask(self, parts: list[np.ndarray], *others: Any) -> list[Arrays]:
        return [self.run(*parts, *self._others(len(parts[0]), *others))]


def check_against(
    agent: Agent,
    model: BaseAlgorithm,
    statistics: VecNormalize | None,
    env: Any = None,
    *,
    dynamic: bool = False,
) -> Check:
    """Compare the actions of an export with those of its agent.

    Args:
        agent: The export.
        model: The agent.
        statistics: Those that its observations are normalised by.
        env: Environment, or its id, to get observations of greedy episodes from.
        dynamic: Whether it takes batches of any size; then it is given some, too.

    Raises:
        ExportError: An action differs; the message says at which observation.
    """
    rng = np.random.default_rng(0)
    space = model.observation_space
    found = {"space": from_space(space, OBSERVATIONS, rng)}
    if statistics is not None:
        found["statistics"] = from_statistics(statistics, space, OBSERVATIONS, rng)
    if env is not None:
        found["episodes"] = from_episodes(model, env, statistics, OBSERVATIONS)
    comparison = Comparison(agent, model, statistics, rng, TOLERANCE)
    compared = [comparison.run(name, batch) for name, batch in found.items()]
    if dynamic:
        comparison.agent, comparison.alone = Together(agent.facts, agent.run), 0
        found["together"] = from_space(space, TOGETHER, rng)
        compared.append(
            comparison.run("several observations at once", found["together"])
        )
    return Check(
        sources={name: len(next(iter(b.values()))) for name, b in found.items()},
        largest_difference=max(worst for worst, _ in compared),
        ties=sum(ties for _, ties in compared),
        tolerance=TOLERANCE,
        rounding=comparison.rounding,
        varied=comparison.varied,
    )
