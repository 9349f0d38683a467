"""The strategies ``ssl`` and ``sgs``: a group lasso on the weights into units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from sb3_prune.strategies import SCORES, AgentView, GradualConfig, GradualStrategy
from sb3_prune.surgery import HiddenLayer, Wiring
from sb3_prune_dsp.acting import ActingStrategy


@dataclass(frozen=True, kw_only=True)
class LassoConfig(GradualConfig):
    """The options of gradual pruning, with a group lasso and a fixed rate.

    Raises:
        ConfigError: A value is outside its range.
    """

    begin: float = 0.1
    """Share of training before which no event is due."""
    end: float = 0.5
    """Share of training at which the last event is due. Plain cuts forget, so the rest
    of training is left for what stays."""
    networks: tuple[str, ...] = ()
    """Prune and penalise only these networks; the actor if empty, or the Q-network of
    an algorithm without one."""
    penalty: Literal["none", "dsp", "group-lasso", "l1"] = "group-lasso"
    """Price on the weights of the networks that are pruned."""
    schedule: Literal["one-shot", "linear", "cubic", "periodic"] = "linear"
    """How the sparsity grows from ``begin`` to ``end``: linear removes the same number
    of units at every event."""


class SSL(ActingStrategy, GradualStrategy):
    """Penalise the norms of units' incoming weights; remove units at a fixed rate."""

    name = "ssl"
    reference = (
        'Wen et al. 2016, "Learning structured sparsity in deep neural networks", as '
        "Su et al. 2024 compare with"
    )
    Config = LassoConfig
    config: LassoConfig

    def score(self, layer: HiddenLayer, agent: AgentView) -> torch.Tensor:
        """Return the norm of the weights into each unit, (units,)."""
        return SCORES["incoming"](layer, agent)


class SGS(SSL):
    """Like ssl, but only the first layer of each network has the group lasso.

    Units of the other layers are removed all the same, so that equal options leave
    equally small networks.
    """

    name = "sgs"
    reference = (
        "Structured group sparsity on the first fully connected layer, as Su et al. "
        "2024 compare with"
    )

    def strengths(self, wiring: Wiring) -> dict[HiddenLayer, float]:
        """Return the factor of the penalty of each network's first layer."""
        first = {layers[0] for layers in wiring.by_network().values()}
        return {la: s for la, s in super().strengths(wiring).items() if la in first}
