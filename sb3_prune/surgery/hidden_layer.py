"""Hidden layers: units of an agent that come and go one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from sb3_prune.gates import Gate
from sb3_prune.surgery.flow.groups import Group
from sb3_prune.surgery.flow.slots import Read, Side, Slot

Key = tuple[nn.Module, str]
"""A tensor by its owner and attribute name."""
Gated = Mapping[Key, Sequence[tuple[Slot, Gate]]]
"""The stretches of every tensor whose units pass a gate."""
MATRIX = 2


@dataclass(frozen=True, eq=False)
class HiddenLayer:
    """A hidden layer of K units, with its twins in the target networks.

    Units are the outputs of a Linear layer, the channels of a convolution or the memory
    cells of an LSTM. Layers whose units are added to each other, or that share their
    weights, are one hidden layer by the name of the first.
    """

    name: str
    """Path of what computes the units inside the policy, e.g. ``critic.qf0.2``."""
    group: Group = field(repr=False)
    """The units as they were traced."""
    network: str
    """Path of the network that the layer belongs to, e.g. ``critic.qf0``; what several
    networks share belongs to the first that holds it."""
    targets: tuple[HiddenLayer, ...] = ()
    """The same layer of the target networks."""
    gated: Gated = field(default_factory=dict, repr=False)
    """Gates of all layers, by the tensors that hold their units."""

    @property
    def module(self) -> nn.Module:
        """What computes the units: a Linear, a convolution, an LSTM."""
        return self.group.module

    @property
    def units(self) -> int:
        """Number of units K."""
        return self.group.units

    @property
    def target(self) -> HiddenLayer | None:
        """The layer of the target network; the first, if there are several."""
        return self.targets[0] if self.targets else None

    @property
    def gate(self) -> Gate | None:
        """The layer's gate; None in a stock policy, or where no gate can stand."""
        return self.group.gates[0] if self.group.gates else None

    @property
    def active(self) -> torch.Tensor:
        """Units that pass their gate, bool, shape (K,)."""
        if self.gate is None or self.gate.mask is None:
            return torch.ones(self.units, dtype=torch.bool)
        return self.gate.mask.detach().cpu() != 0

    @property
    def expected_units(self) -> torch.Tensor:
        r"""Number of units that pass their gate on average, :math:`\sum_k \theta_k`."""
        expected = None if self.gate is None else self.gate.expected
        if expected is None:
            return self.like.detach().new_tensor(float(self.units))
        return expected.sum()

    @property
    def like(self) -> torch.Tensor:
        """One weight of each unit: a tensor of its type, on its device, (K,)."""
        slot = self._weights(Side.ROWS)[0]
        return slot.units(slot.tensor, self.units).flatten(1)[:, 0]

    @property
    def mixes(self) -> frozenset[str]:
        """Operations that mix the units, such as layer_norm; see law 1's exception."""
        return self.group.mixes

    def with_targets(self) -> list[HiddenLayer]:
        """Return the layer and those of the target networks."""
        return [self, *self.targets]

    def is_part_of(self, *networks: str) -> bool:
        """Tell whether the layer belongs to one of some networks; none means any.

        Args:
            *networks: Paths of networks, or of what they are in: ``critic`` for all
                critics.
        """
        inside = [f"{self.network}.".startswith(f"{path}.") for path in networks]
        return any(inside) or not networks

    def slots(self) -> tuple[Slot, ...]:
        """Return every stretch of a tensor of this network that holds the units."""
        gate_slots = [
            Slot(gate, name, 0, Side.UNIT, neutral=float(name in ("mask", "theta")))
            for gate in self.group.gates
            for name, tensor in (*gate.named_parameters(), *gate.named_buffers())
            if tensor.ndim
        ]
        return (*self.group.slots, *gate_slots)

    @property
    def readers(self) -> tuple[Slot, ...]:
        """The stretches that read the units, the noise of gSDE among them."""
        reading = (Side.COLUMNS, Side.NOISE)
        return tuple(slot for slot in self.group.slots if slot.side in reading)

    @property
    def reads(self) -> tuple[Read, ...]:
        """How the units arrive at the weights that read them."""
        return self.group.reads

    def _weights(self, side: Side) -> list[Slot]:
        """Return the weights of a side: biases are none, unless nothing else is."""
        slots = [slot for slot in self.group.slots if slot.side is side]
        weights = [slot for slot in slots if slot.tensor.ndim >= MATRIX]
        return slots if side is Side.COLUMNS else weights or slots

    def incoming(self) -> torch.Tensor:
        """Return the weights that feed each unit, (K, inputs); 0 from closed units.

        Of a convolution these are its kernels, of an LSTM the rows of all four gates.
        """
        return self._joined(Side.ROWS)

    def outgoing(self) -> torch.Tensor:
        """Return the weights that read each unit, (K, outputs); 0 by closed units."""
        reads = Side.ROWS if self.group.two_sided else Side.COLUMNS
        return self._joined(reads)

    def _joined(self, side: Side) -> torch.Tensor:
        parts = [
            slot.units(self._gated(slot), self.units).reshape(self.units, -1)
            for slot in self._weights(side)
        ]
        nothing = self.like.detach().new_zeros(self.units, 0)
        return parts[0] if len(parts) == 1 else torch.cat([nothing, *parts], dim=1)

    def _gated(self, slot: Slot) -> torch.Tensor:
        """Return a tensor times what passes the gates of the layers it holds, too."""
        tensor = slot.tensor.detach()
        for other, gate in self.gated.get((slot.owner, slot.attribute), ()):
            if other.axis != slot.axis and gate.expected is not None:
                tensor = _multiplied(tensor, other, gate.expected)
        return tensor


def _multiplied(tensor: torch.Tensor, slot: Slot, units: torch.Tensor) -> torch.Tensor:
    """Return a tensor with a stretch multiplied, unit by unit."""
    along = tensor.new_ones(tensor.shape[slot.axis])
    stop = slot.start + len(units) * slot.block
    along[slot.start : stop] = units.repeat_interleave(slot.block)
    shape = [-1 if i == slot.axis else 1 for i in range(tensor.ndim)]
    return tensor * along.reshape(shape)
