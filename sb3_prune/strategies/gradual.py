"""Gradual pruning: a strategy made of a schedule, a distribution and a score."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import prod
from typing import Any, Literal

import torch

from sb3_prune.strategies.base import AgentView
from sb3_prune.strategies.distributions import DISTRIBUTIONS, Size, allocate
from sb3_prune.strategies.scheduled import (
    ScheduledConfig,
    ScheduledStrategy,
    require_at_least,
    require_one_of,
)
from sb3_prune.strategies.schedules import SCHEDULES, Schedule
from sb3_prune.surgery.change import Change, keep
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.plan import Plan
from sb3_prune.surgery.wiring import Wiring


@dataclass(frozen=True, kw_only=True)
class GradualConfig(ScheduledConfig):
    """When, how much, where.

    Raises:
        ConfigError: A value is outside its range.
    """

    final_sparsity: float = 0.8
    """Share of the initial hidden units to be gone at the end, in [0, 1)."""
    initial_sparsity: float = 0.0
    """Share to be gone right at ``begin``, in [0, final_sparsity]."""
    steps: int = 20
    """Number of pruning events from ``begin`` to ``end``."""
    schedule: Literal["one-shot", "linear", "cubic", "periodic"] = "cubic"
    """Course of the sparsity from ``begin`` to ``end``."""
    distribution: Literal["uniform", "erk", "global"] = "uniform"
    """How the layers of each network share the units that stay."""
    min_units: int = 1
    """Units that every layer keeps."""

    def __post_init__(self) -> None:
        require_one_of("schedule", self.schedule, SCHEDULES)
        require_one_of("distribution", self.distribution, DISTRIBUTIONS)
        require_at_least("min_units", self.min_units)
        self.build_schedule()
        super().__post_init__()

    def build_schedule(self) -> Schedule:
        """Return the schedule that the configuration describes."""
        return SCHEDULES[self.schedule](
            initial=self.initial_sparsity,
            final=self.final_sparsity,
            begin=self.begin,
            end=self.end,
            steps=self.steps,
        )


class GradualStrategy(ScheduledStrategy):
    """Remove the least important units, step by step.

    Units are counted against those the network was built with, so a layer that
    something else has shrunk is not cut twice. A subclass is only a score.
    """

    Config = GradualConfig
    config: GradualConfig

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self._schedule = self.config.build_schedule()

    @abstractmethod
    def score(self, layer: HiddenLayer, agent: AgentView) -> torch.Tensor:
        """Return the importance of each unit, larger = keep, shape (units,)."""

    def due(self, progress: float) -> int:
        """Return the number of the schedule's events due so far."""
        return self._schedule.event(progress)

    def propose_now(self, agent: AgentView) -> Plan:
        """Return the cuts of the event that is due."""
        sparsity = self._schedule.sparsity(agent.progress)
        # One recording serves all layers.
        agent = replace(agent, activations=cache(agent.activations))
        sizes = initial_sizes(agent.wiring, agent.initial_units)
        changes: dict[str, Change] = {}
        for layers in agent.wiring.by_network(self.config.networks).values():
            changes |= self._cuts(layers, sizes, sparsity, agent)
        return Plan(changes)

    def _cuts(
        self,
        layers: list[HiddenLayer],
        sizes: Mapping[str, Size],
        sparsity: float,
        agent: AgentView,
    ) -> dict[str, Change]:
        """Return the changes of one network."""
        scores = {layer.name: self.score(layer, agent) for layer in layers}
        allotted = allocate(
            self.config.distribution,
            {layer.name: sizes[layer.name] for layer in layers},
            sparsity,
            scores,
            self.config.min_units,
        )
        return {
            layer.name: keep(
                best(layer, scores[layer.name], allotted[layer.name]), layer.units
            )
            for layer in layers
            if layer.units > allotted[layer.name]
        }


def best(layer: HiddenLayer, score: torch.Tensor, count: int) -> list[int]:
    """Return the units to keep, ascending: open gates first, then the highest scores.

    Args:
        layer: The layer.
        score: Importance of its units, (units,).
        count: Number of units to keep; of equal units, the first stay.
    """
    ranked = score.cpu().masked_fill(~layer.active, -torch.inf)
    order = ranked.argsort(descending=True, stable=True)
    return sorted(order[:count].tolist())


def initial_sizes(wiring: Wiring, initial_units: Mapping[str, int]) -> dict[str, Size]:
    """Return the size of every layer as it was built, before any cut.

    Args:
        wiring: The layers as they are.
        initial_units: Units of every layer when it was built.
    """
    shapes = _initial_shapes(wiring, initial_units)
    sizes = {}
    for name, layer in wiring.items():
        fed = dict.fromkeys(Side, 0)
        for slot in layer.group.slots:
            shape = shapes[id(slot.tensor)]
            if len(shape) > 1:
                entries = prod(shape) // shape[slot.axis] * slot.block
                fed[slot.side] += entries
        sizes[name] = Size(
            units=initial_units[name],
            inputs=fed[Side.ROWS],
            outputs=fed[Side.COLUMNS] + fed[Side.NOISE],
        )
    return sizes


def _initial_shapes(
    wiring: Wiring, initial_units: Mapping[str, int]
) -> dict[int, list[int]]:
    """Return the shapes that tensors had when they were built, by their ids."""
    shapes: dict[int, list[int]] = {}
    for name, layer in wiring.items():
        for slot in layer.group.slots:
            shape = shapes.setdefault(id(slot.tensor), list(slot.tensor.shape))
            shape[slot.axis] += (initial_units[name] - layer.units) * slot.block
    return shapes
