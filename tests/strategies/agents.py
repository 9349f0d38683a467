"""Agents to look at, without an algorithm around them."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from sb3_prune.gates import Gate
from sb3_prune.strategies import AgentView
from sb3_prune.surgery import HiddenLayer, Wiring
from sb3_prune.surgery.flow.slots import Side, Slot
from sb3_prune.surgery.flow.trace import Group


def make_layer(
    incoming: Any, outgoing: Any, *, name: str = "net.0", closed: Any = ()
) -> HiddenLayer:
    """Make a ReLU layer from its weights, (units, inputs) and (outputs, units)."""
    inner, outer = torch.tensor(incoming).float(), torch.tensor(outgoing).float()
    linear, head = nn.Linear(*inner.shape[::-1]), nn.Linear(*outer.shape[::-1])
    linear.weight.data, head.weight.data = inner, outer
    gate = Gate()
    if len(closed):
        gate.close(closed, like=linear.bias)
    return layers_of([(name, linear, gate, head)])[0]


def layers_of(
    made: list[tuple[str, nn.Linear, Gate, nn.Linear]],
) -> list[HiddenLayer]:
    """Return hidden layers of their name, Linear, gate and reader."""
    gated: dict[Any, list[tuple[Slot, Gate]]] = defaultdict(list)
    layers = []
    for name, linear, gate, head in made:
        slots = (
            Slot(linear, "weight", 0, Side.ROWS),
            Slot(linear, "bias", 0, Side.ROWS),
            Slot(head, "weight", 1, Side.COLUMNS),
        )
        group = Group(
            name=name,
            aliases=(name,),
            module=linear,
            units=linear.out_features,
            slots=slots,
            gates=(gate,),
            born=len(layers),
        )
        for slot in slots:
            gated[slot.key].append((slot, gate))
        network = name.rpartition(".")[0]
        layers.append(HiddenLayer(name, group, network, gated=gated))
    return layers


def make_chain(network: str, widths: list[int], seed: int = 0) -> list[HiddenLayer]:
    """Make the hidden layers of one network: inputs, hidden widths, outputs."""
    torch.manual_seed(seed)
    linears = [nn.Linear(a, b) for a, b in itertools.pairwise(widths)]
    return layers_of(
        [
            (f"{network}.{2 * i}", linear, Gate(), after)
            for i, (linear, after) in enumerate(itertools.pairwise(linears))
        ]
    )


def make_agent(
    layers: list[HiddenLayer],
    *,
    progress: float = 1.0,
    initial_units: Mapping[str, int] | None = None,
    activations: Any = dict,
    seed: int = 0,
) -> AgentView:
    """Make an agent of layers; there is no model."""
    wiring = Wiring(layers)
    return AgentView(
        model=None,  # type: ignore[arg-type]  # strategies look at layers only
        wiring=wiring,
        initial_units=wiring.units() if initial_units is None else initial_units,
        progress=progress,
        rng=np.random.default_rng(seed),
        activations=activations,
    )
