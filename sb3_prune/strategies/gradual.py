"""Gradual pruning: a schedule, a distribution and a score, and perhaps a penalty."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import prod
from operator import index
from typing import Any, Literal

import torch

from sb3_prune.exceptions import (
    PlanError,
    require_at_least,
    require_one_of,
    shown,
)
from sb3_prune.strategies.base import AgentView
from sb3_prune.strategies.distributions import DISTRIBUTIONS, Size, allocate
from sb3_prune.strategies.scores import require_scores
from sb3_prune.strategies.staged import StagedConfig, StagedStrategy
from sb3_prune.surgery.change import Change
from sb3_prune.surgery.elementary import keep
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.plan import Plan
from sb3_prune.surgery.wiring import Wiring


@dataclass(frozen=True, kw_only=True)
class GradualConfig(StagedConfig):
    """When, how many and where units are removed.

    Raises:
        ConfigError: A value is outside its range.
    """

    final_sparsity: float = 0.8
    """Share of the hidden units that are gone by ``end``, in [0, 1), of those that the
    agent was built with. A compacted agent counts as built with the units it has."""
    initial_sparsity: float = 0.0
    """Share of units removed at ``begin`` at once, in [0, final_sparsity]."""
    distribution: Literal["uniform", "erk", "global"] = "uniform"
    """How the removed units are distributed over the layers of each network."""
    min_units: int = 1
    """Smallest number of units that a layer keeps."""
    compensate: bool | None = None
    """Let the units that stay take over what removed units did, by a least-squares fit
    on recent observations. By default: if there are enough observations, and weights
    have no penalty stronger than 1e-7."""

    def __post_init__(self) -> None:
        require_one_of("distribution", self.distribution, DISTRIBUTIONS)
        require_at_least("min_units", self.min_units)
        super().__post_init__()


class GradualStrategy(StagedStrategy):
    """Remove the least important units, step by step.

    The sparsity refers to the initial number of units. A layer that was already shrunk
    by something else is therefore not cut twice. A subclass only has to implement
    :meth:`score`.
    """

    Config = GradualConfig
    config: GradualConfig

    @abstractmethod
    def score(self, layer: HiddenLayer, agent: AgentView) -> torch.Tensor:
        """Return the importance of each unit, (units,), finite; large ones are kept."""

    def allot(
        self,
        sizes: Mapping[str, Size],
        sparsity: float,
        scores: Mapping[str, torch.Tensor],
    ) -> dict[str, int]:
        """Return how many units each layer of one network keeps.

        Args:
            sizes: Initial size of each layer, by name.
            sparsity: Share of the units that should be gone by now.
            scores: Importance of the present units of each layer.

        Returns:
            A whole number for each layer, from ``min_units`` to its initial units; one
            that is more than the layer has changes nothing.
        """
        least = self.config.min_units
        return allocate(self.config.distribution, sizes, sparsity, scores, least)

    def propose_now(self, agent: AgentView) -> Plan:
        """Return the cuts of the event that is due."""
        sparsity = self._schedule.sparsity(agent.progress)
        # Record the activations once for all layers.
        agent = replace(agent, activations=cache(agent.activations))
        sizes = initial_sizes(agent.wiring, agent.initial_units)
        changes: dict[str, Change] = {}
        for layers in self.chosen(agent.wiring).values():
            changes |= self._cuts(layers, sizes, sparsity, agent)
        return Plan(changes)

    def _cuts(
        self,
        layers: list[HiddenLayer],
        sizes: Mapping[str, Size],
        sparsity: float,
        agent: AgentView,
    ) -> dict[str, Change]:
        """Return the changes of one network's layers, by layer name.

        Raises:
            NonFiniteError: A score is NaN or infinite.
            PlanError: Scores or numbers of units are none, or have another shape.
        """
        scores = {
            layer.name: require_scores(
                self.score(layer, agent), (layer.units,), self.name, f"'{layer.name}'"
            )
            for layer in layers
        }
        own = {layer.name: sizes[layer.name] for layer in layers}
        allotted = self._checked(self.allot(own, sparsity, scores), own, layers)
        return {
            layer.name: keep(
                best(layer, scores[layer.name], allotted[layer.name]), layer.units
            )
            for layer in layers
            if layer.units > allotted[layer.name]
        }

    def _checked(
        self, allotted: object, sizes: Mapping[str, Size], layers: list[HiddenLayer]
    ) -> dict[str, int]:
        """Return the numbers of units to keep, which :meth:`allot` may find anyhow.

        Raises:
            PlanError: They are not whole numbers from ``min_units`` to the units that a
                layer has or had, one for each layer.
        """
        said = f"allot of the strategy '{self.name}' must return"
        if not isinstance(allotted, Mapping):
            raise PlanError(
                f"{said} the number of units to keep of each layer by name, got "
                f"{shown(allotted)}."
            )
        found = {}
        for layer in layers:
            ends = sizes[layer.name].units, layer.units
            least, most = min(self.config.min_units, *ends), max(ends)
            count = _whole(given := allotted.get(layer.name))
            if count is None or not least <= count <= most:
                raise PlanError(
                    f"{said} for '{layer.name}' a whole number from {least} "
                    f"(min_units) to {most} units to keep, got {shown(given)}."
                )
            found[layer.name] = count
        return found


def _whole(value: Any) -> int | None:
    """Return a whole number of any type, such as NumPy's; None if it is none."""
    try:
        return None if isinstance(value, bool) else index(value)
    except TypeError:
        return None


def best(layer: HiddenLayer, score: torch.Tensor, count: int) -> list[int]:
    """Return the indices of the most important units, in ascending order.

    Units with an open gate come before all units with a closed gate.

    Args:
        layer: The layer.
        score: Importance of the layer's units, (units,).
        count: Number of units to keep; among equal scores, lower indices win.
    """
    ranked = score.cpu().masked_fill(~layer.active, -torch.inf)
    order = ranked.argsort(descending=True, stable=True)
    return sorted(order[:count].tolist())


def initial_sizes(wiring: Wiring, initial_units: Mapping[str, int]) -> dict[str, Size]:
    """Return the initial size of every layer, before any unit was removed.

    Args:
        wiring: The layers as they are now.
        initial_units: Layer name -> number of units when the network was built.
    """
    shapes = initial_shapes(wiring, initial_units)
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


def initial_shapes(
    wiring: Wiring, initial_units: Mapping[str, int]
) -> dict[int, list[int]]:
    """Return the initial shapes of all tensors with units, by the tensors' ids."""
    shapes: dict[int, list[int]] = {}
    for name, layer in wiring.items():
        for slot in layer.group.slots:
            shape = shapes.setdefault(id(slot.tensor), list(slot.tensor.shape))
            shape[slot.axis] += (initial_units[name] - layer.units) * slot.block
    return shapes
