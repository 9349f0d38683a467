"""Choosing: which units stay, once it is known how many of each layer do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sb3_prune.compensation import Ranking, rank
from sb3_prune.compensation.levels import levels
from sb3_prune.recording import sample_activations
from sb3_prune.recording.inputs import require_inputs
from sb3_prune.recording.observations import count_observations
from sb3_prune.strategies import AgentView
from sb3_prune.strategies.gradual import best
from sb3_prune.surgery import Change, Plan, keep
from sb3_prune.surgery.trial import copied, kill, require_trial
from sb3_prune.surgery.wiring import wire
from sb3_prune_reconstruct.config import ReconstructConfig


class Chooser:
    """Ranks the units of all layers of an agent, and chooses those that stay.

    Args:
        agent: The agent, with the observations to record activations on.
        config: The networks and the choice.

    Attributes:
        rankings: Ranking of the units of every layer, by name. All units of the layers
            that read them count as readers.

    Raises:
        FewObservationsError: There are too few observations.
    """

    def __init__(self, agent: AgentView, config: ReconstructConfig) -> None:
        self._agent, self._choice = agent, config.choice
        networks = agent.wiring.by_network(config.networks).values()
        layers = {layer.name: layer for network in networks for layer in network}
        policy = agent.model.policy
        inputs = agent.inputs()
        count = count_observations(inputs.observations)
        require_inputs(count, "give more observations")
        self._hidden = sample_activations(policy, inputs, list(layers))
        self.rankings: Mapping[str, Ranking] = {
            name: rank(units, layers[name].outgoing(), self._choice)
            for name, units in self._hidden.items()
        }

    def plan(self, widths: Mapping[str, int]) -> Plan:
        """Return the plan that leaves so many units of each layer.

        ``backward`` chooses from the outputs of the networks on, and for each layer
        anew: units that were not chosen no longer count as readers, since what they
        said will be told by those that were.

        Args:
            widths: Units that stay, by layer name.

        Raises:
            UnsupportedPolicyError: A trial of the policy fails.
        """
        made: dict[str, Change] = {}
        if self._choice != "backward":
            for name, count in widths.items():
                made[name] = self._change(name, self.rankings[name], count)
            return Plan(made)
        policy = self._agent.model.policy
        require_trial(policy, set(widths))
        twin: Any = copied(policy)
        for level in reversed(levels(self._agent.wiring, widths)):
            for name in level:
                layer = wire(twin)[name]
                ranking = rank(self._hidden[name], layer.outgoing(), self._choice)
                made[name] = self._change(name, ranking, widths[name])
                kill(layer, made[name].removed)
        return Plan({name: made[name] for name in widths})

    def _change(self, name: str, ranking: Ranking, count: int) -> Change:
        layer = self._agent.wiring[name]
        return keep(best(layer, ranking.scores(), count), layer.units)
