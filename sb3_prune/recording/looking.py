"""Looking: record activations when a strategy asks, and remember on how many states."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.recording.activations import record_activations
from sb3_prune.recording.inputs import require_inputs
from sb3_prune.recording.observations import count_observations
from sb3_prune.surgery.flow.forwards import Inputs


class Looked:
    """Records the activations of a model's hidden units on some states.

    Args:
        model: The model.
        inputs: Function that returns the states.
        advice: What helps if there are too few.

    Attributes:
        observations: Number of states that were looked at; 0 before the first call.

    Raises:
        FewObservationsError: When called: there are too few states.
    """

    def __init__(
        self, model: BaseAlgorithm, inputs: Callable[[], Inputs], advice: str
    ) -> None:
        self.model, self.inputs, self.advice = model, inputs, advice
        self.observations = 0

    def __call__(self) -> Mapping[str, torch.Tensor]:
        """Return layer name -> activations, (states, units)."""
        inputs = self.inputs()
        self.observations = count_observations(inputs.observations)
        require_inputs(self.observations, self.advice)
        return record_activations(self.model, inputs)
