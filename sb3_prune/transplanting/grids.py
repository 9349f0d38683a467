"""Grids: the places of a picture behind convolutions, as a flatten lays them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import nn

from sb3_prune.exceptions import TransplantError
from sb3_prune.gates import Gate
from sb3_prune.surgery.flow.forwards import all_forwards, sample_inputs
from sb3_prune.surgery.flow.quiet import quiet
from sb3_prune.transplanting.observing import Shift

PICTURES = 4
"""Axes of a batch of pictures, (batch, channels, height, width)."""
Strided = nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d
"""Layers that make pictures smaller by their stride, in the same way everywhere."""
KEEPING = (
    *(nn.ReLU, nn.Tanh, nn.ELU, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid),
    *(nn.BatchNorm2d, nn.Identity, Gate),
)
"""Layers that leave every place where it is."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A picture that is flattened."""

    size: Shift
    """Height and width."""
    stride: Shift
    """Rows and columns of the observation between two places; 0 if nobody knows."""


def find_grids(policy: nn.Module) -> dict[str, Grid]:
    """Return the pictures that a policy flattens, by the paths of what makes them.

    These are the modules ahead of a ``Flatten`` in the same ``Sequential``.

    Args:
        policy: The policy.
    """
    seen: dict[str, Shift] = {}
    strides: dict[str, Shift] = {}
    ahead: dict[str, list[str]] = {}
    handles = []
    for parent_path, parent in policy.named_modules():
        named = dict(parent.named_children())
        listed = list(named.values()) if isinstance(parent, nn.Sequential) else []
        paths = [f"{parent_path}.{name}".lstrip(".") for name in named]
        for place, module in enumerate(listed):
            if isinstance(module, nn.Flatten):
                path = paths[place]
                strides[path] = _stride(listed[:place])
                ahead[path] = paths[:place]

                def note(_: Any, args: Any, path: str = path) -> None:
                    if args[0].ndim == PICTURES:
                        seen[path] = tuple(args[0].shape[2:])

                handles.append(module.register_forward_pre_hook(note))
    try:
        with quiet(policy), torch.no_grad():
            for _, call in all_forwards(policy, sample_inputs(policy)):
                call()
    finally:
        for handle in handles:
            handle.remove()
    return {
        path: Grid(size=size, stride=strides[flatten])
        for flatten, size in seen.items()
        for path in ahead[flatten]
    }


def _stride(modules: Sequence[nn.Module]) -> Shift:
    """Return the product of all strides; 0 if some module moves places otherwise."""
    found = [(1, 1)]
    for module in modules:
        if isinstance(module, Strided):
            found.append(_pair(module.stride))
        elif not isinstance(module, KEEPING):
            found.append((0, 0))
    return prod(y for y, _ in found), prod(x for _, x in found)


def _pair(value: Any) -> Shift:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def positions(old: Grid, new: Grid, shift: Shift) -> tuple[int | None, ...]:
    """Return which old place each new one is; None where there was none.

    Args:
        old: The flattened picture of the old agent.
        new: That of the new one.
        shift: By how many rows and columns the old image lies further down and right.

    Raises:
        TransplantError: Places would lie between others, or nobody knows where.
    """
    return tuple(_positions(old, new, _steps(old, shift)))


def _steps(grid: Grid, shift: Shift) -> Shift:
    """Return by how many places a picture moves behind the convolutions."""
    found = []
    for by, stride in zip(shift, grid.stride, strict=True):
        if not stride or by % stride:
            raise TransplantError(
                f"An image that moves by {by} rows or columns moves by no whole number "
                f"of places behind the convolutions: give multiples of {stride}."
                if stride
                else "Images cannot move or have other sizes here: nobody knows the "
                "stride of all layers."
            )
        found.append(by // stride)
    return found[0], found[1]


def _positions(old: Grid, new: Grid, steps: Shift) -> Iterator[int | None]:
    for row in range(new.size[0]):
        for column in range(new.size[1]):
            y, x = row - steps[0], column - steps[1]
            inside = 0 <= y < old.size[0] and 0 <= x < old.size[1]
            yield y * old.size[1] + x if inside else None
