"""Hooks: what users hooked to a parameter follows to the parameter that replaces it.

Tools such as ``wandb.watch`` look at gradients through hooks on parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from sb3_prune.warning import warn

KINDS = ("_backward_hooks", "_post_accumulate_grad_hooks")
"""Where torch keeps the hooks of a tensor: handle -> function."""


def hooks_of(parameter: nn.Parameter) -> list[dict[Any, Any]]:
    """Return the dictionaries of hooks that a parameter has."""
    found = [getattr(parameter, kind) for kind in KINDS]
    return [hooks for hooks in found if hooks]


class Follower:
    """A hook on a parameter whose shape has changed.

    A hook that cannot handle the new shape is dropped, with one warning for all that
    are of one function.

    Args:
        hook: The user's hook.
        name: Path of the parameter, for the warning.
        alike: All followers that follow a hook of the same function; this one is added.
    """

    def __init__(
        self, hook: Callable[[torch.Tensor], Any], name: str, alike: list[Follower]
    ) -> None:
        self.hook, self.name, self.alike = hook, name, alike
        self.dropped = False
        alike.append(self)

    def __call__(self, tensor: torch.Tensor) -> Any:
        """Run the hook on a gradient, or on the parameter."""
        if self.dropped:
            return None
        try:
            found = self.hook(tensor)
            if isinstance(found, torch.Tensor) and found.shape != tensor.shape:
                raise ValueError(f"it returned the shape {tuple(found.shape)}")
        except Exception as error:  # A user's code may raise anything.
            self._drop(tensor, error)
            return None
        return found

    def _drop(self, tensor: torch.Tensor, error: Exception) -> None:
        told = any(other.dropped for other in self.alike)
        self.dropped = True
        if told:
            return
        others = len(self.alike) - 1
        more = (
            f" So it will be, without another word, where it fails on {others} other "
            "parameters."
        )
        warn(
            f"A hook on '{self.name}' is dropped, because it cannot handle the shape "
            f"{tuple(tensor.shape)} that the parameter has since units changed: "
            f"{error}.{more if others else ''} Register it again."
        )


def move_hooks(
    policy: nn.Module, replaced: Mapping[nn.Parameter, nn.Parameter]
) -> None:
    """Let new parameters have the hooks of the old ones; handles stay valid.

    Args:
        policy: The policy, which has the new parameters.
        replaced: New parameter of each old one.
    """
    hooked = [
        (getattr(old, kind), kind, new)
        for old, new in replaced.items()
        for kind in KINDS
        if getattr(old, kind) and new.requires_grad
    ]
    names = {p: n for n, p in policy.named_parameters()} if hooked else {}
    alike: dict[object, list[Follower]] = {}
    for hooks, kind, new in hooked:
        name = names.get(new, "a parameter beside the policy")
        for handle, hook in hooks.items():
            if not isinstance(hook, Follower):
                same = alike.setdefault(_function_of(hook), [])
                hooks[handle] = Follower(hook, name, same)
        setattr(new, kind, hooks)  # The same dictionary: handles refer to it.


def _function_of(hook: Callable[..., Any]) -> object:
    """Return what hooks of one function share, though each may be a closure."""
    return getattr(getattr(hook, "func", hook), "__code__", type(hook))
