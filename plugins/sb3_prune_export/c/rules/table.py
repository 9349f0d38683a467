"""The table of rules, by the name of the operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Rule = Callable[..., Any]
"""Takes the lowering, the node, and the operation's own arguments, in which tensors are
views or constants; returns the result in the same form."""

RULES: dict[str, Rule] = {}
"""Rules by the plain name of the operation."""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for operations of these names."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register
