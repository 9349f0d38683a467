"""Policy arguments from the shell: classes of torch by name, nothing is evaluated."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn.modules import activation

from sb3_prune.cli.hyperparameters import UNITS
from sb3_prune.exceptions import ConfigError, UnknownNameError

UNFIT = {"GLU", "MultiheadAttention", "Threshold"}
UNFIT |= {"LogSoftmax", "Softmax", "Softmax2d", "Softmin"}
"""Activations that need arguments, change the number of units, or mix them."""
ACTIVATIONS = {
    name: getattr(activation, name) for name in activation.__all__ if name not in UNFIT
}
OPTIMIZERS = {
    name: cls
    for name, cls in vars(torch.optim).items()
    if isinstance(cls, type) and name not in ("Optimizer", "LBFGS", "SparseAdam")
}
CLASSES: Mapping[str, tuple[str, Mapping[str, type]]] = {
    "activation_fn": ("activation", ACTIVATIONS),
    "optimizer_class": ("optimizer", OPTIMIZERS),
}
"""Argument of a policy -> what it is called, and its values by name."""
MODULE = re.compile(r"^((torch|th)\.)?(nn|optim)\.")


def with_classes(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments of a policy, with classes in place of their names.

    Names may have the path of their module: ``ReLU``, ``nn.ReLU`` and
    ``torch.nn.ReLU`` are the same.

    Raises:
        ConfigError: A value should be a name, or there are no units in a layer.
        UnknownNameError: There is no class of that name.
    """
    found = dict(given)
    _check_units(given.get("net_arch", []))
    for key, (noun, known) in CLASSES.items():
        if key in given:
            found[key] = _find(key, noun, given[key], known)
    return found


def _check_units(net_arch: Any) -> None:
    """Check lists of numbers of units, and mappings to such lists."""
    if isinstance(net_arch, Mapping):
        net_arch = list(net_arch.values())
    elif not isinstance(net_arch, list | tuple):
        net_arch = [net_arch]
    for each in net_arch:
        if isinstance(each, list | tuple | Mapping):
            _check_units(each)
        elif not UNITS.accepts(each):
            raise ConfigError(
                f"policy_kwargs: net_arch must be {UNITS}, or lists of such; got "
                f"{reprlib.repr(each)}."
            )


def _find(key: str, noun: str, value: object, known: Mapping[str, type]) -> type:
    if not isinstance(value, str):
        raise ConfigError(
            f"policy_kwargs: {key} must be the name of an {noun}, e.g. "
            f"{next(iter(known))}; got {value!r}."
        )
    name = MODULE.sub("", value)
    if name not in known:
        raise UnknownNameError(noun, name, known)
    return known[name]
