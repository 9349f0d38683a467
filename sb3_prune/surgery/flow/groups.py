"""Groups: hidden units as the trace found them, and every tensor that holds them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from sb3_prune.gates import Gate
from sb3_prune.surgery.flow.slots import Read, Side, Slot


@dataclass(frozen=True)
class Width:
    """A number of units that a module stores besides its tensors."""

    owner: nn.Module
    """The module."""
    attribute: str
    """Name of the number, or of a tuple that ends in the number."""
    block: int
    """How much each unit counts in the number."""


@dataclass(frozen=True)
class Group:
    """Hidden units as the trace found them, and every tensor that holds them."""

    name: str
    """Path of the first module that computes the units."""
    aliases: tuple[str, ...]
    """Every path of this module, ``name`` included: several networks may share it."""
    module: nn.Module
    """The first module that computes the units."""
    units: int
    """Number of units."""
    born: int
    """Number of the call that first computed the units; groups are sorted by it."""
    slots: tuple[Slot, ...] = ()
    """Every stretch of a tensor that holds the units."""
    reads: tuple[Read, ...] = ()
    """The weights that read the units, in the order of the calls."""
    widths: tuple[Width, ...] = ()
    """Numbers that modules store and that count the units."""
    gates: tuple[Gate, ...] = ()
    """The gates that the units pass."""
    fixed: str | None = None
    """Why the number of units cannot change; None if it can."""
    mixes: frozenset[str] = frozenset()
    """Operations that mix the units: one output depends on all units."""
    soft: frozenset[str] = frozenset()
    """Operations that index the units literally; a trial has to confirm the group."""
    unfoldable: frozenset[str] = frozenset()
    """Why constant units cannot be folded into the biases of their readers."""
    two_sided: bool = False
    """Whether one weight both makes and reads the units, as in a tied autoencoder."""
    hidden: bool = False
    """Whether other weights read the units, even in ways that no rule knows."""
    doubled: bool = False
    """Whether a weight of the units is also used by itself, e.g. for its own norm."""
    composed: frozenset[Side] = frozenset()
    """What weights do with the units that are computed from tensors, e.g. as their
    product, in such a way that units can only be selected."""
