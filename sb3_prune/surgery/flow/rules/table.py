"""The table of rules, by the name of the operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Rule = Callable[..., Any]

RULES: dict[str, Rule] = {}
"""Rules by the plain name of the operation."""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for operations of these names."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def place(tensor: torch.Tensor, axis: int) -> int:
    """Return an axis counted from the front."""
    return axis % tensor.ndim if tensor.ndim else 0


def places(tensor: torch.Tensor, axes: int | tuple[int, ...] | list[int]) -> list[int]:
    """Return one or several axes counted from the front."""
    return [place(tensor, a) for a in ([axes] if isinstance(axes, int) else axes)]
