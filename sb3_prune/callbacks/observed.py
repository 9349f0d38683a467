"""Observed: what an agent in training observed of late, for its strategy."""

from __future__ import annotations

from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.pruning import inputs_needed, many_inputs
from sb3_prune.recording.inputs import LEAST_INPUTS, recent_inputs, require_inputs
from sb3_prune.recording.observations import count_observations
from sb3_prune.recording.reservoir import Reservoir
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.wiring import Wiring


class Observed:
    """Keeps on-policy rollouts, whose buffer is empty when a strategy is asked.

    Attributes:
        reservoir: The last rollouts, where one alone is too short.
    """

    def __init__(self) -> None:
        self.reservoir = Reservoir(1)
        self._last: Inputs | None = None

    def begin(self, *, goes_on: bool) -> None:
        """Forget the training before, unless this one goes on with it."""
        self._last = None
        if not goes_on:
            self.reservoir.clear()

    def forget_states(self) -> None:
        """Forget all rollouts with states of LSTMs, whose widths may be others now."""
        if isinstance(self._model.policy, RecurrentActorCriticPolicy):
            self._last = None
            self.reservoir.clear()

    def look(self, model: BaseAlgorithm, wiring: Wiring) -> None:
        """Learn of a model whose units have changed."""
        self._model, self._wiring = model, wiring
        self.reservoir.needed = inputs_needed(wiring)

    def add_rollout(self, *, fits: bool) -> None:
        """Keep the rollout that has just ended.

        Args:
            fits: Whether cuts may be compensated, by fits on many observations.
        """
        self._last = recent_inputs(self._model)
        if fits or _count(self._last) < LEAST_INPUTS:
            self.reservoir.add(many_inputs(self._model, self._wiring))

    def some(self) -> Inputs:
        """Return enough inputs to look at activations.

        Raises:
            FewObservationsError: There are too few.
        """
        found = self._last or recent_inputs(self._model)
        if _count(found) < LEAST_INPUTS:
            found = self.many()
        require_inputs(_count(found), "let rollouts have more steps, or begin later")
        return found

    def many(self) -> Inputs:
        """Return as many inputs as there are, up to what fits need."""
        kept = self.reservoir.inputs(self._model.device) or self._last
        return kept or many_inputs(self._model, self._wiring)


def _count(inputs: Inputs) -> int:
    return count_observations(inputs.observations)
