"""Plug-in: activation distances, cluster pruning and projections.

Source: Feldotto, Lengenfelder, Röhrbein & Knoll 2022, "Network layer analysis for a
RL-based robotic reaching task", Frontiers in Robotics and AI 9:799644.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sb3_prune.plugins.hookspecs import hookimpl
from sb3_prune.plugins.lazy import lazy

if TYPE_CHECKING:
    from sb3_prune_clusters.analyses import Dendrograms as Dendrograms
    from sb3_prune_clusters.analyses import Distances as Distances
    from sb3_prune_clusters.analyses import Dormancy as Dormancy
    from sb3_prune_clusters.analyses import EffectiveRank as EffectiveRank
    from sb3_prune_clusters.analyses import Entropy as Entropy
    from sb3_prune_clusters.command import ProjectCommand as ProjectCommand
    from sb3_prune_clusters.distances import all_distances as all_distances
    from sb3_prune_clusters.distances import layer_distances as layer_distances
    from sb3_prune_clusters.distances import unit_distances as unit_distances
    from sb3_prune_clusters.merging import merge_plan as merge_plan
    from sb3_prune_clusters.project import ProjectionReport as ProjectionReport
    from sb3_prune_clusters.project import project_agents as project_agents
    from sb3_prune_clusters.rounds import Round as Round
    from sb3_prune_clusters.rounds import prune_in_rounds as prune_in_rounds
    from sb3_prune_clusters.segmentation import SegmentationConfig as SegmentationConfig
    from sb3_prune_clusters.segmentation import segment as segment
    from sb3_prune_clusters.strategy import Clusters as Clusters
    from sb3_prune_clusters.strategy import ClustersConfig as ClustersConfig
    from sb3_prune_clusters.tree import Tree as Tree
    from sb3_prune_clusters.tree import grow as grow

HOMES = {
    "analyses": ["Dendrograms", "Distances", "Dormancy", "EffectiveRank", "Entropy"],
    "command": ["ProjectCommand"],
    "distances": ["all_distances", "layer_distances", "unit_distances"],
    "merging": ["merge_plan"],
    "project": ["ProjectionReport", "project_agents"],
    "rounds": ["Round", "prune_in_rounds"],
    "segmentation": ["SegmentationConfig", "segment"],
    "strategy": ["Clusters", "ClustersConfig"],
    "tree": ["Tree", "grow"],
}
"""Module -> names that are imported from it when they are used."""
__all__ = [name for names in HOMES.values() for name in names]

if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, HOMES)


@hookimpl
def register_strategies(register: Callable[[type[Any]], None]) -> None:
    """Register cluster pruning."""
    from sb3_prune_clusters.strategy import Clusters  # noqa: PLC0415

    register(Clusters)


@hookimpl
def register_analyses(register: Callable[[type[Any]], None]) -> None:
    """Register the analyses of an agent's hidden units."""
    from sb3_prune_clusters import analyses  # noqa: PLC0415

    for name in HOMES["analyses"]:
        register(getattr(analyses, name))


@hookimpl
def register_commands(register: Callable[[type[Any]], None]) -> None:
    """Register ``sb3-prune project``."""
    from sb3_prune_clusters.command import ProjectCommand  # noqa: PLC0415

    register(ProjectCommand)
