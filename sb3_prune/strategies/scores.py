r"""Scores: *which*; the importance of each unit of a hidden layer, larger = keep.

Every score is one equation over a layer of K units, shape (K,), and gives 0 to units
whose gate is closed. Biases are left out: they say when a unit fires, not how strongly
it depends on its inputs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from sb3_prune.exceptions import NonFiniteError, PlanError
from sb3_prune.strategies.base import AgentView
from sb3_prune.surgery.hidden_layer import HiddenLayer


def incoming(layer: HiddenLayer) -> torch.Tensor:
    r"""Return the norm of the weights that feed each unit, without the bias.

    .. math:: \Omega_k = \lVert W_{l, k \cdot} \rVert_2
    """
    return _checked(layer, layer.incoming().norm(dim=1))


def outgoing(layer: HiddenLayer) -> torch.Tensor:
    r"""Return the norm of the weights that read each unit.

    .. math:: \Omega_k = \lVert W_{l+1, \cdot k} \rVert_2

    The exploration noise of gSDE reads units too, but holds logarithms, no weights: it
    does not count.
    """
    return _checked(layer, layer.outgoing().norm(dim=1))


def product(layer: HiddenLayer) -> torch.Tensor:
    r"""Return the product of both norms.

    .. math:: \Omega_k = \lVert W_{l, k \cdot} \rVert_2 \,
              \lVert W_{l+1, \cdot k} \rVert_2

    ReLU units may be rescaled, incoming times a and outgoing by a, without changing the
    network: of these three only the product does not change either.
    """
    return _checked(layer, incoming(layer) * outgoing(layer))


def activation(layer: HiddenLayer, hidden: torch.Tensor) -> torch.Tensor:
    r"""Return how strongly each unit responds to recent observations.

    .. math:: \Omega_k = \frac{1}{B} \sum_{b=1}^{B} |h_{bk}|

    Args:
        layer: The layer.
        hidden: Its recorded units h, shape (batch, K).

    Raises:
        PlanError: The recording is of another number of units.
    """
    if hidden.ndim != 2 or hidden.shape[1] != layer.units:  # noqa: PLR2004
        raise PlanError(
            f"Activations of '{layer.name}' must be (batch, {layer.units}), "
            f"got {tuple(hidden.shape)}: they were recorded on another network."
        )
    return _checked(layer, hidden.abs().mean(dim=0))


def random(layer: HiddenLayer, rng: np.random.Generator) -> torch.Tensor:
    r"""Return a draw for each unit, :math:`\Omega_k \sim U(0, 1)`."""
    draws = torch.as_tensor(rng.random(layer.units), dtype=torch.float32)
    return _checked(layer, draws)


Score = Callable[[HiddenLayer, AgentView], torch.Tensor]

SCORES: dict[str, Score] = {
    "incoming": lambda layer, agent: incoming(layer),
    "outgoing": lambda layer, agent: outgoing(layer),
    "product": lambda layer, agent: product(layer),
    "activation": lambda layer, agent: activation(
        layer, agent.activations()[layer.name]
    ),
    "random": lambda layer, agent: random(layer, agent.rng),
}
"""Scores by the name that configurations use, of a layer of an agent."""


def _checked(layer: HiddenLayer, score: torch.Tensor) -> torch.Tensor:
    """Return the score with closed units at 0.

    Raises:
        NonFiniteError: A score is NaN or infinite.
    """
    if not bool(score.isfinite().all()):
        raise NonFiniteError(
            f"Scores of '{layer.name}' are NaN or infinite: so are its weights or "
            "activations."
        )
    return score * layer.active.to(score)
