"""Attributions: integrated gradients of A2C's loss at hidden units, by captum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from sb3_prune.exceptions import ConfigError, UnsupportedPolicyError
from sb3_prune.screening import Window
from sb3_prune.screening.loss import batch_of, loss_terms
from sb3_prune.surgery.flow.quiet import quiet


def integrated(
    window: Window, networks: Sequence[str] = (), points: int = 16
) -> dict[str, torch.Tensor]:
    r"""Return the integrated gradients of the loss terms at hidden units.

    .. math:: (a - a^0) \int_0^1 \nabla_a L(a^0 + t (a - a^0)) \, dt

    Here a^0 are the activations for an observation of zeros. Summed over the units of a
    layer through which all of L goes, they are L minus the L of zeros.

    Args:
        window: The first steps of a training.
        networks: Paths of networks; those that act if empty.
        points: Points of the integral, by Gauss and Legendre.

    Returns:
        Layer name -> (rows, units).

    Raises:
        ConfigError: captum is not installed.
        UnsupportedPolicyError: Observations are dictionaries, or there is no loss.
    """
    method = _method()
    model, batch = window.model, batch_of(window)
    if not isinstance(batch.observations, torch.Tensor) or batch.masks is not None:
        raise UnsupportedPolicyError(
            "Integrated gradients need observations of one array, and no action masks; "
            f"{type(model).__name__} here has others."
        )

    given = (batch.actions, batch.advantages, batch.returns)

    def terms(seen: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        names = ("actions", "advantages", "returns")
        more: dict[str, Any] = dict(zip(names, others, strict=True))
        return loss_terms(model, replace(batch, observations=seen, **more))

    found = {}
    with quiet(model.policy), torch.enable_grad():
        for layer in window.layers(networks):
            read = layer.reads[0]
            attributed = method(terms, read.slot.owner).attribute(
                batch.observations.float(),
                additional_forward_args=given,
                n_steps=points,
                attribute_to_layer_input=True,
            )
            found[layer.name] = layer.rows(read, attributed.detach())
    return found


def _method() -> Any:
    try:
        from captum.attr import LayerIntegratedGradients  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            "Integrated gradients need captum: pip install 'sb3-prune[saliency]'."
        ) from error
    return LayerIntegratedGradients
