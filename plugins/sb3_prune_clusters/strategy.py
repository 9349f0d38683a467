"""The strategy ``clusters``: merge units that say the same (Method 1, section 5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.exceptions import ConfigError, UnknownNameError
from sb3_prune.recording import record_episodes
from sb3_prune.strategies import Agent, Strategy, require_one_of
from sb3_prune.surgery import Plan
from sb3_prune_clusters.distances import Array
from sb3_prune_clusters.merging import Aggregation, merge_plan
from sb3_prune_clusters.segmentation import SegmentationConfig, segment


@dataclass(frozen=True, kw_only=True)
class ClustersConfig(SegmentationConfig):
    """How alike units must be, how they merge, and when.

    Raises:
        ConfigError: A value is outside its range.
    """

    aggregation: Aggregation = "weighted"
    """How units share their cluster's incoming weights; ``mean`` is the paper's."""
    episodes: int = 300
    """Greedy episodes to record, if the strategy has an environment."""
    rounds: int = 3
    """How often to merge, evenly spaced from ``begin`` to ``end``."""
    begin: float = 0.2
    """Share of training at which the first round is due."""
    end: float = 0.8
    """Share of training at which the last round is due."""
    networks: tuple[str, ...] = ()
    """Prune only these, e.g. ``actor`` or ``critic.qf0``; empty prunes all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of("aggregation", self.aggregation, get_args(Aggregation))
        if isinstance(self.networks, str):
            raise ConfigError(
                f"networks must be a list of names, got the text '{self.networks}'."
            )
        object.__setattr__(self, "networks", tuple(self.networks))
        for name in ("episodes", "rounds"):
            if getattr(self, name) < 1:
                value = getattr(self, name)
                raise ConfigError(f"{name} must be at least 1, got {value}.")
        if not 0 <= self.begin <= self.end <= 1:
            raise ConfigError(
                f"Expected 0 <= begin <= end <= 1, got {self.begin} and {self.end}."
            )

    def due(self, progress: float) -> int:
        """Return the number of rounds due so far.

        Args:
            progress: Share of training done.
        """
        if progress < self.begin:
            return 0
        if progress >= self.end:
            return self.rounds
        done = (progress - self.begin) / (self.end - self.begin)
        return 1 + int(done * (self.rounds - 1) + 1e-9)  # 1e-9: rounding just before


class Clusters(Strategy):
    """Merge units that say the same over whole episodes, round by round.

    Units are compared over episodes of ``env`` if there is one. Without, each recent
    observation counts as an episode of one step, which costs no environment steps.
    Works on any masked or stock agent; exact for proportional ReLU units, approximate
    behind other activations.

    Args:
        config: Its options.
        env: A vectorised environment of its own, not the one trained in, normalised as
            that one is.
    """

    name = "clusters"
    reference = (
        "Method 1, equations 2 to 4: clusters of neuron activations over episodes of "
        "reaching agents"
    )
    Config = ClustersConfig
    config: ClustersConfig

    def __init__(self, config: Any = None, env: VecEnv | None = None) -> None:
        super().__init__(config)
        self.env = env
        self._round = 0

    def attach(self, agent: Agent) -> None:
        """Check that the networks to prune exist.

        Raises:
            UnknownNameError: The agent has no such network.
        """
        networks_of(agent.wiring, self.config.networks)

    def detach(self) -> None:
        """Forget the last round: the next run may be of another agent."""
        self._round = 0

    def propose(self, agent: Agent) -> Plan:
        """Return the merges of the round that is due, if one is."""
        due = self.config.due(agent.progress)
        if due == self._round:
            return Plan()
        self._round = due
        if due == 0:  # Another run has begun.
            return Plan()
        return propose_merges(self._record(agent), self.config)

    def _record(self, agent: Agent) -> Mapping[str, Array]:
        if self.env is None:
            recent = agent.activations()
            return {
                name: units.cpu().numpy()[:, None] for name, units in recent.items()
            }
        recording = record_episodes(
            agent.model,
            self.env,
            episodes=self.config.episodes,
            seed=int(agent.rng.integers(2**31)),
            progress=False,
        )
        return recording.activations

    def state_dict(self) -> dict[str, Any]:
        """Return the number of the last round."""
        return {"round": self._round}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after the last round."""
        self._round = int(state["round"])


def propose_merges(
    activations: Mapping[str, Array], config: ClustersConfig | None = None
) -> Plan:
    """Return the plan that merges the clusters of an agent's units now.

    Every network is segmented by itself: ``reading="global"`` means its layers.

    Args:
        activations: Layer name -> (episodes, steps, units).
        config: How alike units must be, and which networks to prune.

    Raises:
        UnknownNameError: There is no such network.
        NonFiniteError: An activation is NaN or infinite.
    """
    config = config or ClustersConfig()
    plan = Plan()
    for layers in networks_of(activations, config.networks).values():
        segments = segment({name: activations[name] for name in layers}, config)
        plan = plan.then(merge_plan(segments, config.aggregation))
    return plan


def networks_of(
    layers: Mapping[str, Any], wanted: tuple[str, ...] = ()
) -> dict[str, list[str]]:
    """Group layers by network, e.g. ``critic.qf0.2`` under ``critic.qf0``.

    Args:
        layers: Anything by layer name.
        wanted: Networks, or what they are part of; all if empty.

    Raises:
        UnknownNameError: There is no such network.
    """
    grouped: dict[str, list[str]] = defaultdict(list)
    for name in layers:
        grouped[name.rpartition(".")[0]].append(name)
    for prefix in wanted:
        if not any(_is_part(network, prefix) for network in grouped):
            raise UnknownNameError("network", prefix, grouped)
    return {
        network: names
        for network, names in grouped.items()
        if any(_is_part(network, prefix) for prefix in wanted or grouped)
    }


def _is_part(network: str, prefix: str) -> bool:
    return network == prefix or network.startswith(f"{prefix}.")
