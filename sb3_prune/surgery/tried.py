"""Tried: which layers of a policy have passed a trial with the code that it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import nn

from sb3_prune.surgery.flow.known import switches


@dataclass(eq=False)
class _Passed:
    """Trials that layers of a policy passed."""

    modules: list[tuple[Any, ...]]
    """Modules of the policy at that time, their switches and numbers of hooks."""
    layers: set[str] = field(default_factory=set)
    """Names of the layers."""


def tried_layers(policy: nn.Module) -> set[str]:
    """Return the layers that passed a trial since the policy's code last changed."""
    passed, modules = vars(policy).get("_passed_trials"), _code(policy)
    if not isinstance(passed, _Passed) or passed.modules != modules:
        passed = vars(policy)["_passed_trials"] = _Passed(modules)
    return passed.layers


def keep_trials(policy: nn.Module) -> None:
    """Let trials count on after a cut, which has changed attributes such as widths."""
    passed = vars(policy).get("_passed_trials")
    if isinstance(passed, _Passed):
        passed.modules = _code(policy)


def _code(policy: nn.Module) -> list[tuple[Any, ...]]:
    """Return what the code that a policy runs depends on."""
    return [
        (m, switches(m), len(m._forward_hooks), len(m._forward_pre_hooks))
        for m in policy.modules()
    ]
