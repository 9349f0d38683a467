"""Known: policies of which all code that can run is torch's, SB3's or ours."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.utils import parametrize

KNOWN = ("sb3_contrib", "sb3_prune", "stable_baselines3", "torch")
"""Packages whose modules are known to hide no units from the trace."""


_NO_SWITCHES = ("training", "_is_as_built")
"""Attributes that torch and surgery set."""


def is_known(policy: nn.Module) -> bool:
    """Tell whether all modules of a policy are unpatched ones of known packages."""
    for module in policy.modules():
        hooks = (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
        hooked = not all(map(is_of_known_package, hooks))
        odd = hooked or parametrize.is_parametrized(module) or _is_patched(module)
        if not is_of_known_package(type(module)) or odd:
            return False
    return True


def is_of_known_package(code: object) -> bool:
    """Tell whether a class or a function comes from a known package."""
    return str(getattr(code, "__module__", "")).partition(".")[0] in KNOWN


def switches(module: nn.Module) -> tuple[tuple[str, object], ...]:
    """Return the attributes by which code that nobody knows may choose what it does.

    Of modules of known packages there are none.
    """
    if is_of_known_package(type(module)):
        return ()
    found = (item for item in vars(module).items() if type(item[1]) in (bool, int, str))
    return tuple(item for item in found if item[0] not in _NO_SWITCHES)


def scripted(policy: nn.Module) -> Iterator[str]:
    """Yield the paths of the outermost scripted modules that have weights."""
    for path, module in policy.named_modules():
        around = policy.get_submodule(path.rpartition(".")[0])
        found = [isinstance(m, torch.jit.ScriptModule) for m in (module, around)]
        if found == [True, False] and list(module.parameters()):
            yield path


def _is_patched(module: nn.Module) -> bool:
    """Tell whether an attribute of a module replaces a method of its class."""
    return any(
        callable(value) and callable(getattr(type(module), name, None))
        for name, value in vars(module).items()
    )
