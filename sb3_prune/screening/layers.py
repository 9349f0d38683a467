"""Layers: where the units of hidden layers are read, found once for equal policies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from torch import nn

from sb3_prune.exceptions import (
    ConfigError,
    NonFiniteError,
    UnknownNameError,
    UnsupportedPolicyError,
)
from sb3_prune.surgery.flow.beside import Beside, beside_of
from sb3_prune.surgery.flow.known import is_known
from sb3_prune.surgery.flow.observe import Observer
from sb3_prune.surgery.flow.slots import Key, Read
from sb3_prune.surgery.wiring import wire

_NOWHERE = nn.Identity()
"""Stands for the owners of weights where layers are remembered without a policy."""
_REMEMBERED: dict[object, list[Layer]] = {}
"""Structure of a policy -> its layers, without the modules."""
MOST_REMEMBERED = 64
"""Number of structures whose layers are remembered."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """A hidden layer, and the weights that read its units."""

    name: str
    """Name as in the wiring."""
    units: int
    """Number of units."""
    network: str
    """Path of the network that the layer belongs to."""
    acts: bool
    """Whether that network is known to choose actions."""
    reads: tuple[Read, ...]
    """The weights that read the units."""
    paths: tuple[str, ...]
    """For each of them, the path of its module in the policy."""

    @property
    def keys(self) -> list[Key]:
        """The weights, by module and attribute."""
        return [read.slot.key for read in self.reads]

    def arrived(self, observer: Observer) -> tuple[Read, torch.Tensor]:
        """Return the first reader that got the units, and all that it got.

        Raises:
            UnsupportedPolicyError: No reader got them.
        """
        for read, given in observer.read_by(self.reads):
            return read, given[-1]
        raise UnsupportedPolicyError(
            f"The activations of '{self.name}' cannot be recorded: no forward pass "
            "reads its units through an unmodified weight."
        )

    def rows(self, read: Read, inputs: torch.Tensor) -> torch.Tensor:
        """Return the units' part of what a reader got, (rows, units).

        A unit with several positions, such as a channel, gives a row for each.

        Raises:
            NonFiniteError: A value is NaN or infinite.
        """
        units = read.arrived(inputs, self.units)
        if not torch.isfinite(units).all():  # Comparisons with NaN would be false.
            raise NonFiniteError(
                f"Activations or gradients of '{self.name}' are NaN or infinite."
            )
        return units.movedim(-1, -2).reshape(-1, self.units)


def find_layers(policy: BasePolicy) -> list[Layer]:
    """Return the hidden layers of a policy.

    Policies of known code with equal modules and shapes have equal layers: the wiring
    of the first one serves them all, since tracing takes longer than screening.

    Raises:
        UnsupportedPolicyError: The policy cannot be traced.
    """
    if not is_known(policy) or beside_of(policy) != Beside():
        return _traced(policy)  # Its layers depend on more than modules and shapes.
    structure = _structure(policy)
    if structure not in _REMEMBERED:
        found = _traced(policy)
        if len(_REMEMBERED) >= MOST_REMEMBERED:
            _REMEMBERED.clear()
        _REMEMBERED[structure] = [_held_by(layer, None) for layer in found]
    return [_held_by(layer, policy) for layer in _REMEMBERED[structure]]


def choose(layers: Iterable[Layer], networks: Sequence[str] = ()) -> list[Layer]:
    """Return the layers of some networks; of those that act if none is named.

    Raises:
        ConfigError: None is named, and no network with hidden layers is known to act.
        UnknownNameError: There is no network of a given name.
    """
    listed = list(layers)
    known = dict.fromkeys(layer.network for layer in listed)
    for path in networks:
        if not any(_is_part(layer, path) for layer in listed):
            raise UnknownNameError("network", path, known)
    if networks:
        return [la for la in listed if any(_is_part(la, path) for path in networks)]
    if acting := [layer for layer in listed if layer.acts]:
        return acting
    raise ConfigError(
        "No network with hidden layers is known to choose actions: name networks. "
        f"There are: {', '.join(known) or '(none)'}."
    )


def _is_part(layer: Layer, path: str) -> bool:
    return f"{layer.network}.".startswith(f"{path}.")


def _traced(policy: BasePolicy) -> list[Layer]:
    wiring = wire(policy)
    paths = {module: path for path, module in policy.named_modules()}
    acting = {name for name, role in wiring.roles.items() if role.acts}
    return [
        Layer(
            name=name,
            units=layer.units,
            network=layer.network,
            acts=layer.network in acting,
            reads=layer.reads,
            paths=tuple(paths[read.slot.owner] for read in layer.reads),
        )
        for name, layer in wiring.items()
    ]


def _held_by(layer: Layer, policy: BasePolicy | None) -> Layer:
    """Return a layer whose weights are those of a policy, or of nobody."""
    reads = tuple(
        replace(
            read,
            slot=replace(
                read.slot, owner=policy.get_submodule(path) if policy else _NOWHERE
            ),
            bias=None,
        )
        for read, path in zip(layer.reads, layer.paths, strict=True)
    )
    return replace(layer, reads=reads)


def _structure(policy: BasePolicy) -> object:
    """Return what the layers of a policy of known code depend on."""
    found = [_described(policy.observation_space), _described(policy.action_space)]
    first: dict[int, int] = {}
    for path, module in policy.named_modules(remove_duplicate=False):
        number = first.setdefault(id(module), len(first))
        found.append((path, type(module), module.extra_repr(), number))
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None:
                place = first.setdefault(id(tensor), len(first))
                found.append((name, tensor.shape, tensor.dtype, place))
    return tuple(found)


def _described(space: spaces.Space[Any]) -> Any:
    """Return what equal spaces have in common; a box takes 0.2 ms to print itself."""
    if isinstance(space, spaces.Dict):
        return tuple((key, _described(inner)) for key, inner in space.items())
    if isinstance(space, spaces.Box):
        bounds = space.low.tobytes(), space.high.tobytes()
        return type(space), space.shape, space.dtype, bounds
    return repr(space)
