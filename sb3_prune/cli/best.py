"""Best: keep the best evaluated agent among those that have lost all their units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.callbacks.pruning import PruningCallback
from sb3_prune.evaluation.episodes import Evaluation
from sb3_prune.runs.folder import BEST, CONFIG, MODEL, RunFolder


class Best:
    """Saves an evaluated agent if it is the best one since pruning was over.

    Args:
        folder: The run folder, in which a folder for the agent is made.
        config: Content of ``config.json``, by which commands find the environment.
        pruning: The callback that prunes; None if nothing is pruned.

    Attributes:
        mean_return: Mean return of the kept agent, -inf without one. It is the best of
            several evaluations, so new episodes will return less.
    """

    def __init__(
        self,
        folder: RunFolder,
        config: Mapping[str, Any],
        pruning: PruningCallback | None,
    ) -> None:
        self.folder = RunFolder(folder.path / BEST)
        self.config, self.pruning = config, pruning
        self.mean_return = -math.inf

    def __call__(self, model: BaseAlgorithm, result: Evaluation) -> None:
        """Save the agent if it is the best one so far."""
        small = self.pruning is None or self.pruning.done
        if not small or not result.mean_return > self.mean_return:
            return
        self.mean_return = result.mean_return
        self.folder.path.mkdir(exist_ok=True)
        self.folder.write_json(CONFIG, self.config)
        self.folder.save(MODEL, model)
