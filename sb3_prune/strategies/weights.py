"""Weight pruning: mask single weights, and remove the units that become silent."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from sb3_prune.exceptions import require_one_of
from sb3_prune.strategies.base import AgentView
from sb3_prune.strategies.gradual import initial_shapes
from sb3_prune.strategies.scores import require_scores
from sb3_prune.strategies.staged import StagedConfig, StagedStrategy
from sb3_prune.surgery.elementary import remove
from sb3_prune.surgery.flow.slots import Side
from sb3_prune.surgery.hidden_layer import HiddenLayer
from sb3_prune.surgery.open_weights import between_open
from sb3_prune.surgery.plan import Plan
from sb3_prune.surgery.weight_masks import maskable, present, silent_units
from sb3_prune.surgery.wiring import Wiring


@dataclass(frozen=True, kw_only=True)
class WeightConfig(StagedConfig):
    """When, how many and where single weights are masked.

    Raises:
        ConfigError: A value is outside its range.
    """

    final_sparsity: float = 0.8
    """Share of the weights that are masked by ``end``, in [0, 1), of those that the
    networks were built with. Weights of removed units count as masked."""
    initial_sparsity: float = 0.0
    """Share of weights masked at ``begin`` at once, in [0, final_sparsity]."""
    distribution: Literal["uniform", "global"] = "uniform"
    """Whether each weight matrix has this sparsity, or each network as a whole. Each
    matrix keeps at least one weight."""

    def __post_init__(self) -> None:
        require_one_of("distribution", self.distribution, ("uniform", "global"))
        super().__post_init__()


class WeightStrategy(StagedStrategy):
    """Masks the least important weights, step by step.

    Biases are not masked. Units that only masked weights feed, or only such read, are
    removed in the same event. A subclass only has to implement :meth:`score`.
    """

    Config = WeightConfig
    config: WeightConfig

    @abstractmethod
    def score(self, weight: torch.Tensor, agent: AgentView) -> torch.Tensor:
        """Return the importance of each weight, finite, in the shape of the matrix."""

    def propose_masks(self, agent: AgentView) -> dict[str, torch.Tensor]:
        """Return the masks of the event that is due; none if no event is due.

        Raises:
            NoObservationsError: The scores need more observations; it stays due.
        """
        with self._stays_due():
            return self._masks_due(agent)

    def _masks_due(self, agent: AgentView) -> dict[str, torch.Tensor]:
        if not self.takes_event(agent.progress):
            return {}
        sparsity = self._schedule.sparsity(agent.progress)
        shapes = initial_shapes(agent.wiring, agent.initial_units)
        paths = maskable(agent.model.policy)
        masks: dict[str, torch.Tensor] = {}
        for layers in self.chosen(agent.wiring).values():
            owners = _owners(layers, agent.wiring)
            found = {n: m for n, m in paths.items() if m in owners}
            built = {n: shapes[id(m.weight)] for n, m in found.items()}
            counts = {n: torch.Size(shape).numel() for n, shape in built.items()}
            masks |= self.masks(found, counts, sparsity, agent)
        return masks

    def propose(self, agent: AgentView) -> Plan:
        """Return the plan that removes units which masks have made silent."""
        layers = self.chosen(agent.wiring).values()
        names = {layer.name for each in layers for layer in each}
        silent = silent_units(agent.wiring, closed=not agent.physical)
        found = {
            name: gone if agent.physical else _open(gone, agent.wiring[name])
            for name, gone in silent.items()
            if name in names
        }
        units = agent.wiring.units()
        return Plan({n: remove(gone, units[n]) for n, gone in found.items() if gone})

    def propose_now(self, agent: AgentView) -> Plan:
        """Return the same as :meth:`propose`: masks make the events."""
        return self.propose(agent)

    def masks(
        self,
        modules: Mapping[str, Any],
        counts: Mapping[str, int],
        sparsity: float,
        agent: AgentView,
    ) -> dict[str, torch.Tensor]:
        """Return the masks of one network's weights, by path.

        Args:
            modules: Modules of the weights, by path.
            counts: Number of weights that each was built with.
            sparsity: Share of them that is to be gone by now.
            agent: The agent.

        Raises:
            NonFiniteError: A score of a present weight is NaN or infinite.
        """
        scores = {path: self._scores(path, m, agent) for path, m in modules.items()}
        if self.config.distribution == "uniform":
            return {n: _best([scores[n]], counts[n], sparsity)[0] for n in modules}
        kept = _best(scores.values(), sum(counts.values()), sparsity)
        # A matrix of zeros would cut the network in two.
        for mask, score in zip(kept, scores.values(), strict=True):
            mask.view(-1)[score.argmax()] = True
        return dict(zip(scores, kept, strict=True))

    def _scores(self, path: str, module: Any, agent: AgentView) -> torch.Tensor:
        """Return the importance of each weight; -inf where there is none any more."""
        stays = present(module) & between_open(module, agent.wiring)
        found: object = self.score(module.weight.detach(), agent)
        if isinstance(found, torch.Tensor) and found.shape == stays.shape:
            found = found.masked_fill(~stays, 0)
        scores = require_scores(found, stays.shape, self.name, f"'{path}'")
        return scores.masked_fill(~stays, -torch.inf)


def _owners(layers: Iterable[HiddenLayer], wiring: Wiring) -> set[nn.Module]:
    """Return the modules whose weights are those of a network.

    They feed its units; or they only read them, as an output layer does. What feeds
    units of another network as well belongs to that one.

    Args:
        layers: Hidden layers of the network.
        wiring: All hidden layers.
    """
    feeding = {slot.owner for la in wiring.values() for slot in la.weights(Side.ROWS)}
    slots = [slot for layer in layers for slot in layer.group.slots]
    own = {slot.owner for layer in layers for slot in layer.weights(Side.ROWS)}
    return own | {s.owner for s in slots if s.attribute == "weight"} - (feeding - own)


def _best(
    scores: Iterable[torch.Tensor], built: int, sparsity: float
) -> list[torch.Tensor]:
    """Return which weights stay, bool, in the scores' shapes; at least one does.

    Of equal scores, such as those of weights that are zero, the first ones stay.

    Args:
        scores: Scores of the present weights; -inf where there is none any more.
        built: Number of weights that were built.
        sparsity: Share of these that is to be gone.
    """
    listed = list(scores)
    flat = torch.cat([score.flatten() for score in listed])
    alive = int((flat > -torch.inf).sum())
    count = min(alive, max(1, round((1 - sparsity) * built)))
    kept = torch.zeros_like(flat, dtype=torch.bool)
    kept[flat.argsort(descending=True, stable=True)[:count]] = True
    parts = torch.split(kept, [score.numel() for score in listed])
    return [p.view(s.shape) for p, s in zip(parts, listed, strict=True)]


def _open(units: list[int], layer: HiddenLayer) -> list[int]:
    """Return those of some units whose gate is open; one gate of the layer stays."""
    found = [unit for unit in units if layer.active[unit]]
    return found[: int(layer.active.sum()) - 1]
