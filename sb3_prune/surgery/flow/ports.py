"""Ports: the weights through which observations and actions enter a policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import (
    BaseFeaturesExtractor,
    CombinedExtractor,
    FlattenExtractor,
)
from torch import nn

from sb3_prune.surgery.flow.axes import Axis, Units, fix, opaque, resolve
from sb3_prune.surgery.flow.forwards import Inputs
from sb3_prune.surgery.flow.quiet import quiet
from sb3_prune.surgery.flow.slots import Slot
from sb3_prune.surgery.flow.trace import Watch, open_gates

OBSERVATIONS, ACTIONS = "observations", "actions"
VECTORS, IMAGES = 2, 4
"""Axes of a batch of vectors, and of one of images: batch, channels, height, width."""


@dataclass(frozen=True)
class Port:
    """Entries of an input of a policy, and every tensor that has one value for each."""

    entries: int
    """Number of entries of the input."""
    slots: tuple[Slot, ...]
    """The columns of weights that read the entries, and scales of single entries; those
    of target networks included."""
    opaque: str | None
    """Why not all uses of the entries are known; None if they are."""


def find_ports(policy: nn.Module) -> dict[str, Port]:
    """Find the weights that read each input of a policy, by running it.

    Entries are those of vectors, the channels of images that a features extractor gets,
    and the columns of what :func:`flattens` tells, one-hot choices included.

    Args:
        policy: The policy, with its target networks; it is left as it was.

    Returns:
        The ports by name: ``observations``, or ``observations.<key>`` for each entry of
        a dictionary, and ``actions`` if networks read them. Inputs without entries that
        are known have none.

    Raises:
        UnsupportedPolicyError: A forward fails on inputs drawn from the spaces.
    """
    with quiet(policy), open_gates(policy) as gates:
        watch = _PortWatch(policy, gates)
        watch.run(policy)
    held = watch.groups(policy).keys
    return {
        name: _port(axis, [[slot for _, slot in held[u]] for u, _ in resolve(axis)])
        for name, axis in watch.entered.items()
    }


def find_extractors(policy: nn.Module) -> list[BaseFeaturesExtractor]:
    """Return the features extractors that get observations as they are.

    Args:
        policy: The policy.
    """
    found = [m for m in policy.modules() if isinstance(m, BaseFeaturesExtractor)]
    # A CombinedExtractor holds those of single images.
    inner = {m for whole in found for m in whole.modules() if m is not whole}
    return [module for module in found if module not in inner]


def flattens(extractor: nn.Module, key: str) -> bool:
    """Tell whether a features extractor of SB3 flattens what it gets, and no more.

    Args:
        extractor: The features extractor.
        key: Key in a dictionary of observations; empty if they are none.
    """
    if type(extractor) is CombinedExtractor:
        return isinstance(extractor.extractors[key], nn.Flatten)
    return type(extractor) is FlattenExtractor


def port_name(key: str) -> str:
    """Return the name of the port of some observations.

    Args:
        key: Key in a dictionary of observations; empty if they are none.
    """
    return f"{OBSERVATIONS}.{key}" if key else OBSERVATIONS


def _port(axis: Axis, slots: list[list[Slot]]) -> Port:
    units = [units for units, _ in resolve(axis)]
    why = next((each.fixed for each in units if each.fixed is not None), None)
    if why is None and len(units) > 1:
        why = "the policy's code takes it apart"
    elif why is None and (mixes := sorted(set().union(*(u.mixes for u in units)))):
        why = f"{', '.join(mixes)} mixes them"
    entries = sum(each.size for each in units)
    return Port(entries, tuple(slot for part in slots for slot in part), why)


def by_key(whole: Any) -> dict[str, Any]:
    """Return observations or spaces by key, which is empty if there is only one.

    Args:
        whole: A dictionary of tensors or spaces, or a single one.
    """
    if isinstance(whole, spaces.Dict):
        return dict(whole.spaces)
    return whole if isinstance(whole, dict) else {"": whole}


class _PortWatch(Watch):
    """Follows the inputs themselves.

    Attributes:
        entered: The axis of entries of every input, by the name of its port.
    """

    def inputs(self, policy: nn.Module) -> Inputs:
        """Return what the forwards run on, after noting the entries of vectors."""
        found = super().inputs(policy)
        self.entered: dict[str, Axis] = {}
        kinds = by_key(policy.observation_space)
        for key, tensor in by_key(found.observations).items():
            one_hot = isinstance(kinds[key], spaces.MultiDiscrete)
            if tensor.ndim == VECTORS and not one_hot:
                self._enter(port_name(key), tensor)
            else:
                self._put(tensor, [opaque(n, "an input") for n in tensor.shape])
        assert found.actions is not None
        if found.actions.ndim == VECTORS:
            self._enter(ACTIONS, found.actions)
        self.vectors = frozenset(self.entered)
        return found

    def _hooks(self, policy: nn.Module) -> Iterator[Any]:
        yield from super()._hooks(policy)
        for extractor in find_extractors(policy):
            yield extractor.register_forward_pre_hook(self._arrives)

    def _arrives(self, module: nn.Module, args: Any) -> Any:
        """Note the entries of what a features extractor gets, flat where it may be."""
        named = by_key(args[0])
        found = {key: self._seen(module, key, each) for key, each in named.items()}
        return (found if isinstance(args[0], dict) else found[""], *args[1:])

    def _seen(self, module: nn.Module, key: str, tensor: torch.Tensor) -> torch.Tensor:
        name = port_name(key)
        if name in self.vectors:
            return tensor
        if flattens(module, key):
            tensor = tensor.flatten(1)
        if tensor.ndim in (VECTORS, IMAGES):
            self._enter(name, tensor)
        return tensor

    def _enter(self, name: str, tensor: torch.Tensor) -> None:
        """Note the entries along the second axis; they are the same in every call."""
        axis = self.entered.setdefault(name, [(Units(tensor.shape[1]), 1)])
        if sum(units.size for units, _ in resolve(axis)) != tensor.shape[1]:
            fix(axis, "a features extractor gets something else, too")
            return
        rest = [opaque(n, "a position") for n in tensor.shape[VECTORS:]]
        self._put(tensor, [opaque(len(tensor), "an input"), axis, *rest])

    def _put(self, tensor: torch.Tensor, axes: list[Axis]) -> None:
        self.tracer.put(tensor, axes, True)
        self.tracer.lineage.enter(tensor)
