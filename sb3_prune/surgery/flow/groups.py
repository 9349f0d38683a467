"""Groups: hidden units that come and go together, and all that holds them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from sb3_prune.gates import Gate
from sb3_prune.surgery.flow.slots import Read, Slot


@dataclass(frozen=True)
class Width:
    """A number of units that a module remembers besides its tensors."""

    owner: nn.Module
    """The module."""
    attribute: str
    """Name of the number, or of a tuple whose last entry it is."""
    block: int
    """How much of it each unit is worth."""


@dataclass(frozen=True)
class Group:
    """Hidden units that can only come and go together, and all that holds them."""

    name: str
    """Path of the first module that computes them."""
    aliases: tuple[str, ...]
    """Every path of that module, itself among them: several networks may share it."""
    module: nn.Module
    """That module."""
    units: int
    """Number of units."""
    slots: tuple[Slot, ...]
    """Every stretch of a tensor that holds them."""
    reads: tuple[Read, ...]
    """The weights that read them, in the order in which they did."""
    widths: tuple[Width, ...]
    """What modules remember of their number."""
    gates: tuple[Gate, ...]
    """The gates that they pass."""
    fixed: str | None
    """Why their number cannot change; None if it can."""
    mixes: frozenset[str]
    """Operations that mix them with each other: what one says depends on all."""
    soft: frozenset[str]
    """Operations that name literal places: a trial must agree."""
    unfoldable: frozenset[str]
    """Why what a constant unit says cannot move into its readers' biases."""
    two_sided: bool
    """Whether one weight both makes and reads them, as in a tied autoencoder."""
    born: int
    """When they were first computed, to sort groups by."""
    doubled: bool = False
    """Whether what makes or reads them is also used for itself, as by its norm."""
