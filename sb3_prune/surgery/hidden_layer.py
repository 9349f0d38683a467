"""Hidden layers: units of an agent that can be removed or added one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from sb3_prune.gates import Gate
from sb3_prune.surgery.flow.groups import Group
from sb3_prune.surgery.flow.slots import MASK, Key, Read, Side, Slot

Gated = Mapping[Key, Sequence[tuple[Slot, Gate]]]
"""For each tensor, the slots in it whose units pass a gate, with this gate."""
MATRIX = 2


@dataclass(frozen=True, eq=False)
class HiddenLayer:
    """A hidden layer of K units, with the same layer of the target networks.

    Units are the outputs of a Linear layer, the channels of a convolution or the memory
    cells of an LSTM. Layers whose units are added to each other, or that share their
    weights, form one hidden layer, which has the name of the first of them.
    """

    name: str
    """Path in the policy of the module that computes the units: ``critic.qf0.2``."""
    group: Group = field(repr=False)
    """The units as the trace found them."""
    network: str
    """Path of the network that the layer belongs to, e.g. ``critic.qf0``. A layer that
    several networks share belongs to the first of them."""
    targets: tuple[HiddenLayer, ...] = ()
    """The same layer in each target network."""
    gated: Gated = field(default_factory=dict, repr=False)
    """Gates of all layers of the agent, by the tensors that hold their units."""

    @property
    def module(self) -> nn.Module:
        """The module that computes the units: a Linear, a convolution, an LSTM."""
        return self.group.module

    @property
    def units(self) -> int:
        """Number of units K."""
        return self.group.units

    @property
    def target(self) -> HiddenLayer | None:
        """The same layer in the target network; in the first if there are several."""
        return self.targets[0] if self.targets else None

    @property
    def gate(self) -> Gate | None:
        """The layer's gate; None in a stock policy, or where no gate is possible."""
        return self.group.gates[0] if self.group.gates else None

    @property
    def active(self) -> torch.Tensor:
        """Which units pass their gate, bool, shape (K,)."""
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
        """One incoming weight per unit, (K,); it shows the layer's dtype and device."""
        slot = self.weights(Side.ROWS)[0]
        return slot.units(slot.tensor, self.units).flatten(1)[:, 0]

    @property
    def mixes(self) -> frozenset[str]:
        """Operations that mix the units, such as layer_norm.

        With them, removing a dead unit changes outputs (law 1, docs/architecture.md).
        """
        return self.group.mixes

    def with_targets(self) -> list[HiddenLayer]:
        """Return this layer and the same layer of each target network."""
        return [self, *self.targets]

    def is_part_of(self, *networks: str) -> bool:
        """Tell whether the layer belongs to a given network; True if none is given.

        Args:
            *networks: Paths of networks, or of modules that contain networks:
                ``critic`` covers all critics.
        """
        inside = [f"{self.network}.".startswith(f"{path}.") for path in networks]
        return any(inside) or not networks

    def slots(self) -> tuple[Slot, ...]:
        """Return the slots of the units, those in gates and in masks included."""
        gate_slots = [
            Slot(gate, name, 0, Side.UNIT, neutral=float(name in ("mask", "theta")))
            for gate in self.group.gates
            for name, tensor in (*gate.named_parameters(), *gate.named_buffers())
            if tensor.ndim
        ]
        mask_slots = [
            replace(slot, attribute=MASK)
            for slot in self.group.slots
            if slot.attribute == "weight" and slot.owner._buffers.get(MASK) is not None
        ]
        return (*self.group.slots, *gate_slots, *mask_slots)

    @property
    def readers(self) -> tuple[Slot, ...]:
        """The slots that read the units, gSDE's noise included."""
        reading = (Side.COLUMNS, Side.NOISE)
        return tuple(slot for slot in self.group.slots if slot.side in reading)

    @property
    def reads(self) -> tuple[Read, ...]:
        """The weights that read the units, and where the units lie in their inputs."""
        return self.group.reads

    @property
    def unshiftable(self) -> str | None:
        """Why readers' biases cannot take over what constant units say; None if so."""
        if self.group.two_sided:
            return "one weight both makes and reads them"
        if self.unwatched is not None:
            return f"{self.unwatched} reads them"
        whys = [*(r.unshiftable for r in self.reads), *sorted(self.group.unfoldable)]
        return next((why for why in whys if why is not None), None)

    @property
    def unwatched(self) -> str | None:
        """A weight that reads the units out of sight: in training, or by a loop."""
        known = {read.slot.place for read in self.reads}
        for slot in self.group.slots:
            if slot.side is Side.COLUMNS and slot.place not in known:
                return f"{type(slot.owner).__name__}.{slot.attribute}"
        return None

    def weights(self, side: Side) -> list[Slot]:
        """Return the slots that feed (``ROWS``) or read (``COLUMNS``) the units.

        Biases are left out unless there is nothing else. A weight that both feeds and
        reads the units, as in a tied autoencoder, reads them by its rows.
        """
        own = Side.ROWS if self.group.two_sided else side
        slots = [slot for slot in self.group.slots if slot.side is own]
        weights = [slot for slot in slots if slot.tensor.ndim >= MATRIX]
        return slots if own is Side.COLUMNS else weights or slots

    def incoming(self) -> torch.Tensor:
        """Return the weights that feed each unit, (K, inputs).

        Weights from units of another layer are multiplied by the gates of these units,
        so a weight from a closed unit is 0. The weights of a convolution are its
        kernels; those of an LSTM are the rows of all four LSTM gates.
        """
        return self._joined(Side.ROWS)

    def outgoing(self) -> torch.Tensor:
        """Return the weights that read each unit, (K, outputs).

        A weight that feeds a closed unit of another layer is 0.
        """
        return self._joined(Side.COLUMNS)

    def _joined(self, side: Side) -> torch.Tensor:
        parts = [
            slot.units(self._gated(slot), self.units).reshape(self.units, -1)
            for slot in self.weights(side)
        ]
        nothing = self.like.detach().new_zeros(self.units, 0)
        return parts[0] if len(parts) == 1 else torch.cat([nothing, *parts], dim=1)

    def _gated(self, slot: Slot) -> torch.Tensor:
        """Return a slot's tensor times the gates of the layers along its other axes."""
        tensor = slot.tensor.detach()
        for other, gate in self.gated.get(slot.key, ()):
            if other.axis != slot.axis and gate.expected is not None:
                tensor = multiplied(tensor, other, gate.expected)
        return tensor


def multiplied(tensor: torch.Tensor, slot: Slot, units: torch.Tensor) -> torch.Tensor:
    """Return a tensor with the entries of a slot multiplied by one value per unit."""
    along = tensor.new_ones(tensor.shape[slot.axis])
    stop = slot.start + len(units) * slot.block
    along[slot.start : stop] = units.repeat_interleave(slot.block)
    shape = [-1 if i == slot.axis else 1 for i in range(tensor.ndim)]
    return tensor * along.reshape(shape)
