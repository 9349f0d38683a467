"""Wiring: the hidden layers of an agent and every tensor that holds their units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import nn

from sb3_prune.exceptions import UnknownNameError
from sb3_prune.gates import Gate
from sb3_prune.networks.ofexinet import OFEXiNet
from sb3_prune.surgery.chains import Chain, Side, Slot, policy_chains, reader
from sb3_prune.surgery.dense import dense_layers


@dataclass(frozen=True)
class HiddenLayer:
    """A hidden layer of K units, with its twin in the target network."""

    name: str
    """Path of the Linear inside the policy, e.g. ``critic.qf0.2``."""
    linear: nn.Linear
    """What computes the units: weight (K, inputs), bias (K,)."""
    between: tuple[nn.Module, ...]
    """Activation, normalisation and gate, in order, up to the readers."""
    readers: tuple[Slot, ...]
    """The tensors that read the units."""
    target: HiddenLayer | None = None
    """The same layer of the target network."""
    gate_before: Gate | None = None
    """Gate of the layer that this one reads."""
    gate_after: Gate | None = None
    """Gate of the layer that reads this one."""

    @property
    def units(self) -> int:
        """Number of units K."""
        return self.linear.out_features

    @property
    def network(self) -> str:
        """Path of the network that the layer belongs to, e.g. ``critic.qf0``."""
        return self.name.rpartition(".")[0]

    @property
    def gate(self) -> Gate | None:
        """The layer's gate; None in a stock policy."""
        return next((m for m in self.between if isinstance(m, Gate)), None)

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
            return self.linear.weight.new_tensor(float(self.units))
        return expected.sum()

    def both(self) -> list[HiddenLayer]:
        """Return the layer and, if there is one, that of the target network."""
        return [self] if self.target is None else [self, self.target]

    def incoming(self) -> torch.Tensor:
        """Return the weights that feed each unit, (K, inputs); 0 from closed units."""
        weight = self.linear.weight.detach()
        return weight if self.gate_before is None else _gated(weight, self.gate_before)

    def outgoing(self) -> torch.Tensor:
        """Return the weights that read each unit, (K, outputs); 0 by closed units."""
        parts = []
        for slot in self.readers:
            if slot.side is not Side.COLUMNS:
                continue
            tensor = getattr(slot.owner, slot.attribute).detach()
            part = tensor.narrow(slot.axis, slot.start, self.units)
            parts.append(part.movedim(slot.axis, 0).reshape(self.units, -1))
        weights = torch.cat(parts, dim=1)
        return weights if self.gate_after is None else _gated(weights, self.gate_after)

    def slots(self) -> list[Slot]:
        """Return every tensor of this network that holds the units."""
        made = [Slot(self.linear, "weight", 0, Side.ROWS)]
        if self.linear.bias is not None:
            made.append(Slot(self.linear, "bias", 0, Side.ROWS))
        for module in self.between:
            tensors = [*module.named_parameters(), *module.named_buffers()]
            made += [
                Slot(module, name, 0, Side.UNIT)
                for name, tensor in tensors
                if tensor.shape == (self.units,)
            ]
        return [*made, *self.readers]


class Wiring(Mapping[str, HiddenLayer]):
    """The hidden layers of a policy by name, in the order of its networks."""

    def __init__(self, layers: list[HiddenLayer]) -> None:
        self._layers = {layer.name: layer for layer in layers}

    def __getitem__(self, name: str) -> HiddenLayer:
        """Return a layer by name.

        Raises:
            UnknownNameError: The agent has no such hidden layer.
        """
        if name not in self._layers:
            raise UnknownNameError("hidden layer", name, self._layers)
        return self._layers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def units(self) -> dict[str, int]:
        """Return the number of units of every layer."""
        return {name: layer.units for name, layer in self.items()}

    def active_units(self) -> dict[str, int]:
        """Return the number of units of every layer that pass their gate."""
        return {name: int(layer.active.sum()) for name, layer in self.items()}

    def __repr__(self) -> str:
        rows = (f"  {name}: {layer.units} units" for name, layer in self.items())
        return "\n".join(["Wiring:", *rows])


def _gated(weights: torch.Tensor, gate: Gate) -> torch.Tensor:
    expected = gate.expected
    return weights if expected is None else weights * expected


def _layers(chain: Chain) -> list[HiddenLayer]:
    hidden = chain.hidden()
    nexts = [linear for _, linear, _ in hidden[1:]]
    output = chain.output()
    readers = [(reader(linear),) for linear in nexts]
    readers.append(chain.heads if output is None else (reader(output),))  # type: ignore[arg-type]
    layers = [
        HiddenLayer(f"{chain.name}.{name}", linear, tuple(m for _, m in between), read)
        for (name, linear, between), read in zip(hidden, readers, strict=False)
    ]
    gates = [None, *(layer.gate for layer in layers), None]
    return [
        replace(layer, gate_before=before, gate_after=after)
        for layer, before, after in zip(layers, gates, gates[2:], strict=False)
    ]


def _dense(policy: nn.Module, chains: list[Chain]) -> list[HiddenLayer]:
    """Return the layers of a policy's feature extractor, if it has one."""
    found = []
    for path, net in policy.named_children():
        if isinstance(net, OFEXiNet):
            found += [HiddenLayer(*parts) for parts in dense_layers(path, net, chains)]
    return found


def wire(policy: nn.Module) -> Wiring:
    """Find the hidden layers of a policy.

    Networks called ``<name>_target`` are the targets of ``<name>``: their layers are
    attached to the online ones and not listed by themselves.

    Args:
        policy: The policy of a Stable-Baselines3 or sb3-contrib model.

    Raises:
        UnsupportedPolicyError: None of the policy's networks is known.
    """
    chains = policy_chains(policy)
    found = [layer for chain in chains for layer in _layers(chain)]
    layers = {layer.name: layer for layer in [*_dense(policy, chains), *found]}
    online = []
    for name, layer in layers.items():
        network, _, rest = name.partition(".")
        if network.endswith("_target"):
            continue
        online.append(replace(layer, target=layers.get(f"{network}_target.{rest}")))
    return Wiring(online)
