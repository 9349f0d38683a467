"""Examples: inputs on which an old and a new module run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.surgery.flow.quiet import precision
from sb3_prune.transplanting.carrying import tensors
from sb3_prune.transplanting.ids import Sources
from sb3_prune.transplanting.plain import BATCH_AND_ENTRIES, CONVOLUTIONS, Plain

MOST = 1024
"""Number of vectors that are drawn if no examples are given."""


def examples_of(module: nn.Module, given: Any) -> torch.Tensor:
    """Return inputs of a module, on its device and with its precision.

    Args:
        module: The module.
        given: The inputs, (batch, inputs, ...); None if they are to be drawn.

    Raises:
        TransplantError: They are no finite floats, or cannot be drawn because no Linear
            reads vectors.
    """
    if given is None:
        return _drawn(module)
    try:
        found = torch.as_tensor(given)
    except (RuntimeError, TypeError, ValueError) as error:
        raise TransplantError(f"example must be a tensor, got {given!r}.") from error
    if not (found.is_floating_point() and found.ndim >= BATCH_AND_ENTRIES):
        raise TransplantError(
            f"example must be floats of the shape (batch, inputs, ...), got "
            f"{found.dtype} of {tuple(found.shape)}."
        )
    if found.numel() == 0 or not bool(found.isfinite().all()):
        raise TransplantError("example must be finite and not empty.")
    return _like(module, found.detach())


def _drawn(module: nn.Module) -> torch.Tensor:
    first = next((m for m in module.modules() if isinstance(m, nn.Linear)), None)
    if first is None or any(isinstance(m, CONVOLUTIONS) for m in module.modules()):
        raise TransplantError(
            "example is missing: inputs of the old module, such as (batch, channels, "
            "height, width). They can be drawn only where a Linear reads vectors."
        )
    generator = torch.Generator().manual_seed(0)
    return _like(module, torch.randn(MOST, first.in_features, generator=generator))


def _like(module: nn.Module, values: torch.Tensor) -> torch.Tensor:
    device = next((tensor.device for tensor in tensors(module).values()), values.device)
    return values.to(device, precision(module))


def count_inputs(given: Any, old: int) -> int:
    """Return the number of new inputs that a map tells; the map is checked later.

    Args:
        given: The map, as a user gives it.
        old: Number of old inputs.
    """
    if isinstance(given, Mapping) and set(given) == {"old", "new"}:
        given = given["new"]
    return len(given) if hasattr(given, "__len__") else old


def mapped(ours: Plain, inputs: Sources, new: nn.Module) -> torch.Tensor:
    """Return the examples of the old module as the new one gets them.

    Args:
        ours: The old module.
        inputs: Which old input each new one is; what is new is drawn.
        new: The new module.
    """
    values = ours.example.movedim(ours.axis, -1)
    generator = torch.Generator().manual_seed(0)
    found = torch.randn(*values.shape[:-1], len(inputs), generator=generator)
    found = found.to(values)
    for place, source in enumerate(inputs):
        if source is not None:
            found[..., place] = values[..., source]
    return _like(new, found.movedim(-1, ours.axis))
