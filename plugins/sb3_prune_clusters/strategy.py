"""The strategy ``clusters``: merge units with similar activations.

Source: Feldotto et al. 2022, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.callbacks.validation import follow_statistics
from sb3_prune.exceptions import ConfigError
from sb3_prune.recording import record_episodes
from sb3_prune.recording.inputs import require_inputs
from sb3_prune.strategies import (
    AgentView,
    ScheduledConfig,
    ScheduledStrategy,
    entry_of,
    require_at_least,
    require_one_of,
)
from sb3_prune.surgery import Plan, Wiring
from sb3_prune_clusters.distances import Array
from sb3_prune_clusters.merging import Aggregation, merge_plan
from sb3_prune_clusters.segmentation import SegmentationConfig, segment


@dataclass(frozen=True, kw_only=True)
class ClustersConfig(SegmentationConfig, ScheduledConfig):
    """How similar the units of a cluster must be, how they are merged, and when.

    Raises:
        ConfigError: A value is outside its range.
    """

    aggregation: Aggregation = "weighted"
    """How the units of a cluster share its incoming weights; mean is the paper's."""
    episodes: int = 300
    """Greedy episodes to record before each merge, if the strategy has an ``env``."""
    rounds: int = 3
    """Number of merges, evenly spaced from ``begin`` to ``end``."""
    compensate: bool | None = False
    """Refit what reads merged units by least squares on observations; the source does
    not. None: if there are enough observations."""

    def __post_init__(self) -> None:
        SegmentationConfig.__post_init__(self)
        ScheduledConfig.__post_init__(self)
        require_one_of("aggregation", self.aggregation, get_args(Aggregation))
        require_at_least("episodes", self.episodes)
        require_at_least("rounds", self.rounds)


class Clusters(ScheduledStrategy):
    """Merge units with similar activations over whole episodes, round by round.

    Units are compared over greedy episodes of ``env``. Without ``env``, each of the
    agent's recent observations counts as an episode of one step; this costs no
    environment steps. The strategy works on any masked or stock agent. Merging is exact
    for proportional ReLU units and approximate for other activation functions.

    Args:
        config: The options of the strategy.
        env: A vectorised environment other than the training environment. If that one
            is normalised, wrap it in a ``VecNormalize`` as well; it gets the statistics
            before every recording.
    """

    name = "clusters"
    reference = (
        'Feldotto et al. 2022, "Network layer analysis for a RL-based robotic reaching '
        'task", equations 2 to 4'
    )
    Config = ClustersConfig
    config: ClustersConfig

    def __init__(self, config: Any = None, env: VecEnv | None = None) -> None:
        super().__init__(config)
        self.env = env
        usual = ClustersConfig.episodes
        if env is None and self.config.episodes != usual:
            raise ConfigError(
                f"episodes={self.config.episodes} needs an environment to play them "
                "in: Clusters(config, env)."
            )

    @property
    def mixes(self) -> bool:
        """A merged unit stands for others."""
        return True

    def events_due(self, progress: float) -> int:
        """Return the number of rounds due so far."""
        begin, end = self.config.begin, self.config.end
        if progress < begin:
            return 0
        if progress >= end:
            return self.config.rounds
        done = (progress - begin) / (end - begin)
        # 1e-9: rounding may leave the progress just below that of a round.
        return 1 + int(done * (self.config.rounds - 1) + 1e-9)

    def propose_now(self, agent: AgentView) -> Plan:
        """Return the merges of the round that is due."""
        return propose_merges(agent.wiring, self._record(agent), self.config)

    def _record(self, agent: AgentView) -> Mapping[str, Array]:
        if self.env is None:
            recent = agent.activations()
            return {
                name: units.cpu().numpy()[:, None] for name, units in recent.items()
            }
        follow_statistics(agent.model, self.env)
        recording = record_episodes(
            agent.model,
            self.env,
            episodes=self.config.episodes,
            seed=int(agent.rng.integers(2**31)),
            progress=False,
        )
        steps = int(recording.lengths.sum())
        require_inputs(steps, "raise the option episodes")
        return recording.activations

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue after the last round; version 0.1.0 saved it as ``round``."""
        key = "round" if isinstance(state, Mapping) and "round" in state else "event"
        super().load_state_dict({"event": entry_of(state, key, int)})


def propose_merges(
    wiring: Wiring,
    activations: Mapping[str, Array],
    config: ClustersConfig | None = None,
) -> Plan:
    """Return the plan that merges each cluster of an agent's units.

    Every network is segmented on its own: with ``reading="global"``, the reference is
    the largest D of that network's layers.

    Args:
        wiring: The agent's hidden layers.
        activations: Layer name -> activations, (episodes, steps, units).
        config: How similar the units of a cluster must be, and which networks to prune.

    Raises:
        UnknownNameError: ``config.networks`` names a network that does not exist.
        NonFiniteError: An activation is NaN or infinite.
    """
    config = config or ClustersConfig()
    plan = Plan()
    for layers in wiring.by_network(config.networks).values():
        segments = segment({la.name: activations[la.name] for la in layers}, config)
        plan = plan.then(merge_plan(segments, config.aggregation))
    return plan
