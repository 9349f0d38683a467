r"""Scores: the importance :math:`\Omega_k` of each unit of a hidden layer.

Units with the largest scores are kept. Every score is one equation over a layer of K
units and has the shape (K,). Units with a closed gate get the score 0. Biases do not
count: a bias shifts the activation of a unit, but does not change how strongly the unit
depends on its inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from sb3_prune.exceptions import NonFiniteError, PlanError
from sb3_prune.strategies.base import AgentView
from sb3_prune.surgery.hidden_layer import HiddenLayer


def incoming(layer: HiddenLayer) -> torch.Tensor:
    r"""Return the norm of the weights into each unit, without the bias.

    .. math:: \Omega_k = \lVert W_{l, k \cdot} \rVert_2

    A unit with small incoming weights hardly depends on its inputs, so it is almost
    constant.
    """
    return _checked(layer, layer.incoming().norm(dim=1))


def outgoing(layer: HiddenLayer) -> torch.Tensor:
    r"""Return the norm of the weights out of each unit.

    .. math:: \Omega_k = \lVert W_{l+1, \cdot k} \rVert_2

    A unit with small outgoing weights hardly changes the next layer. The exploration
    noise of gSDE reads units as well, but its parameters are logarithms of standard
    deviations, not weights. They do not count.
    """
    return _checked(layer, layer.outgoing().norm(dim=1))


def product(layer: HiddenLayer) -> torch.Tensor:
    r"""Return the product of the norms of incoming and outgoing weights.

    .. math:: \Omega_k = \lVert W_{l, k \cdot} \rVert_2 \,
              \lVert W_{l+1, \cdot k} \rVert_2

    If the incoming weights and the bias of a ReLU unit are multiplied by a > 0 and its
    outgoing weights divided by a, the network computes the same function. A score
    should not change either. The product does not; each norm alone does.
    """
    return _checked(layer, incoming(layer) * outgoing(layer))


def activation(layer: HiddenLayer, hidden: torch.Tensor) -> torch.Tensor:
    r"""Return the mean absolute activation of each unit on recent observations.

    .. math:: \Omega_k = \frac{1}{B} \sum_{b=1}^{B} |h_{bk}|

    A unit that is close to zero on all B observations hardly changes the next layer.

    Args:
        layer: The layer.
        hidden: Recorded activations h of the layer, shape (batch, K).

    Raises:
        PlanError: The recording has another number of units than the layer.
    """
    if hidden.ndim != 2 or hidden.shape[1] != layer.units:  # noqa: PLR2004
        raise PlanError(
            f"Activations of '{layer.name}' must be (batch, {layer.units}), "
            f"got {tuple(hidden.shape)}: they were recorded on another network."
        )
    return _checked(layer, hidden.abs().mean(dim=0))


def random(layer: HiddenLayer, rng: np.random.Generator) -> torch.Tensor:
    r"""Return a random score for each unit, :math:`\Omega_k \sim U(0, 1)`."""
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
"""Functions of a layer and an agent, by the name that configurations use for them."""


def require_scores(
    scores: object, shape: Sequence[int], strategy: str, what: str
) -> torch.Tensor:
    """Check the scores of a strategy, which may be anybody's.

    Args:
        scores: The scores.
        shape: The shape that they must have.
        strategy: Name of the strategy.
        what: What is scored, for errors.

    Returns:
        The scores; whole numbers and truth values as floats.

    Raises:
        PlanError: They are no tensor of real numbers, or have another shape.
        NonFiniteError: A score is NaN or infinite, so it cannot be ranked.
    """
    if not isinstance(scores, torch.Tensor) or scores.is_complex():
        raise PlanError(
            f"Scores of {what} must be a float tensor of shape {tuple(shape)}, the "
            f"strategy '{strategy}' gives {_kind(scores)}."
        )
    if tuple(scores.shape) != tuple(shape):
        raise PlanError(
            f"Scores of {what} must be {tuple(shape)}, the strategy '{strategy}' gives "
            f"{tuple(scores.shape)}."
        )
    if not scores.is_floating_point():
        # float64, for in float32 large whole numbers would be equal.
        return scores.double()
    if odd := int((~scores.isfinite()).sum()):
        raise NonFiniteError(
            f"{odd} of the {scores.numel()} scores of {what} by the strategy "
            f"'{strategy}' are NaN or infinite: scores must be finite numbers."
        )
    return scores


def _kind(scores: object) -> str:
    complex_ = isinstance(scores, torch.Tensor)
    return "complex numbers" if complex_ else f"a {type(scores).__name__}"


def _checked(layer: HiddenLayer, score: torch.Tensor) -> torch.Tensor:
    """Return the score with 0 for units with a closed gate.

    Raises:
        NonFiniteError: A score is NaN or infinite.
    """
    if not bool(score.isfinite().all()):
        raise NonFiniteError(
            f"Scores of '{layer.name}' are NaN or infinite, because its weights or "
            "activations are."
        )
    return score * layer.active.to(score)
