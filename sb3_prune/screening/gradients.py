"""Gradients: how the loss depends on the activations of hidden units."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from sb3_prune.exceptions import UnsupportedPolicyError
from sb3_prune.screening.layers import Layer
from sb3_prune.screening.loss import batch_of, loss_terms
from sb3_prune.screening.window import Window
from sb3_prune.surgery.flow.names import called
from sb3_prune.surgery.flow.observe import Observer
from sb3_prune.surgery.flow.quiet import quiet
from sb3_prune.surgery.flow.slots import Read

_PASSING = ("View", "UnsafeView", "ReshapeAlias", "Clone", "Mul", "Permute")
"""Operations between a ReLU and its reader that keep its units: flattening, a gate."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sensitivity:
    """Activations of a hidden layer and the gradient of the loss, (rows, units)."""

    activations: torch.Tensor
    """Activations, as the first reader gets them."""
    gradients: torch.Tensor
    """Gradient of the mean loss with respect to each activation."""
    is_relu: bool
    """Whether the activations are those of a ReLU."""

    @property
    def weighted(self) -> torch.Tensor:
        """Activations times gradients."""
        return self.activations * self.gradients


class Guided(TorchFunctionMode):
    """Guided back-propagation: sets negative gradients at outputs of ReLUs to zero."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run a call; a ReLU's output gets a hook on its gradient."""
        out = func(*args, **(kwargs or {}))
        if called(func) == "relu" and out.requires_grad:
            out.register_hook(lambda gradient: gradient.clamp(min=0))
        return out


def sensitivities(
    window: Window, networks: Sequence[str] = (), *, guided: bool = False
) -> dict[str, Sensitivity]:
    """Return activations of hidden units with the gradient of A2C's loss.

    The loss is that of :func:`~sb3_prune.screening.loss.loss_terms`, its mean over the
    window as one batch, with the weights at the end of the window.

    Args:
        window: The first steps of a training.
        networks: Paths of networks; those that act if empty.
        guided: Set negative gradients at the outputs of ReLUs to zero, on the way back
            and where the units are themselves outputs of a ReLU. Other activation
            functions pass gradients on unchanged.

    Returns:
        By layer name.

    Raises:
        ConfigError: No network is named, and none is known to act.
        NonFiniteError: An activation or gradient is NaN or infinite.
        UnknownNameError: There is no network of a given name.
        UnsupportedPolicyError: The algorithm is off-policy or has a memory; or the loss
            does not depend on a layer, or not through a weight that reads it.
    """
    model, layers = window.model, window.layers(networks)
    batch = batch_of(window)
    wanted = {key for layer in layers for key in layer.keys}
    with ExitStack() as stack:
        stack.enter_context(quiet(model.policy))
        stack.enter_context(torch.enable_grad())
        if guided:
            stack.enter_context(Guided())
        observer = stack.enter_context(Observer(wanted, attached=True))
        loss = loss_terms(model, batch).mean()
    found = [layer.arrived(observer) for layer in layers]
    arrived = [inputs for _, inputs in found]
    gradients = torch.autograd.grad(loss, arrived, allow_unused=True)
    return {
        layer.name: _sensitivity(layer, *got, gradient, guided)
        for layer, got, gradient in zip(layers, found, gradients, strict=True)
    }


def _sensitivity(
    layer: Layer,
    read: Read,
    inputs: torch.Tensor,
    gradient: torch.Tensor | None,
    guided: bool,
) -> Sensitivity:
    if gradient is None:
        raise UnsupportedPolicyError(
            f"The loss of A2C does not depend on the units of '{layer.name}'."
        )
    is_relu = _is_relu(inputs)
    if guided and is_relu:  # Hooks act on what is passed on, not on what is asked for.
        gradient = gradient.clamp(min=0)
    return Sensitivity(
        activations=layer.rows(read, inputs.detach()),
        gradients=layer.rows(read, gradient),
        is_relu=is_relu,
    )


def _is_relu(tensor: torch.Tensor) -> bool:
    """Tell whether a tensor is the output of a ReLU, flattened or gated perhaps."""
    node: Any = tensor.grad_fn
    while node is not None:
        name = node.name().partition("Backward")[0]
        if name == "Relu":
            return True
        before = [parent for parent, _ in node.next_functions if parent is not None]
        if name not in _PASSING or len(before) != 1:
            return False
        node = before[0]
    return False
