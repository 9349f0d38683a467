"""Growth: builds a random network, one layer after another.

A *value* is the observation or the output of a layer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import nn
from torch.nn.utils import parametrizations

from benchmarks.random_networks import layers
from benchmarks.random_networks.layers import Call

WIDTHS = [4, 6, 8, 10, 12]
LARGEST = 160
"""Largest number of entries of a value for one observation."""
STILL = 0.02
"""Steps are rejected if their values for two observations differ by less than this."""
ACTIVATIONS = [
    *(nn.Tanh, nn.Sigmoid, nn.Softplus, nn.ELU, nn.SiLU, nn.GELU, nn.Mish),
    *(nn.ReLU, nn.LeakyReLU, nn.Hardtanh, nn.Hardswish),
]

Step = tuple[nn.Module, tuple[int, ...]]
"""A module and the numbers of the values that it reads."""


class Growth:
    """Adds random steps to a network; each is tested on a batch of two observations.

    Attributes:
        rng: Source of all random decisions.
        steps: The steps of the network so far.
        values: The observations, then the output of each step.
        seams: Number of a value that joins two values -> units of the first one.
    """

    def __init__(self, space: spaces.Space[Any], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.steps: list[Step] = []
        self.values = [torch.rand(2, *space.shape)]  # type: ignore[misc]
        self.seams: dict[int, int] = {}

    def run(self) -> None:
        """Grow a whole network."""
        while not self.steps:
            self.add(self.make(0))
        for _ in range(self.rng.integers(3, 12)):
            every = list(range(1, len(self.values)))
            at = self.pick(self.ends() if self.flip(0.8) else every)
            if at in self.seams and self.flip(0.4):
                self.add(self.reshape(at))
            elif self.flip(0.4):
                self.add(self.make(at))
                self.add(self.activate(len(self.values) - 1))
            else:
                self.add(self.twist(at))
        for at in self.ends():
            if self.values[at].ndim > 2:
                flatten = self.pick([layers.flattened, layers.flattened_last])
                self.add((Call(flatten), (at,)))
        if len(self.ends()) > 1:
            self.add((Call(layers.joined), tuple(self.ends())), check=False)
        if self.flip(0.5):
            self.add(self.make(len(self.values) - 1))

    def ends(self) -> list[int]:
        """Return the numbers of the values that no step reads."""
        read = {i for _, sources in self.steps for i in sources}
        return [i for i in range(1, len(self.values)) if i not in read]

    def add(self, step: Step | None, check: bool = True) -> None:
        """Add a step, unless its value is large, has one unit or hardly varies."""
        if step is None:
            return
        module, sources = step
        value = module.eval()(*(self.values[i] for i in sources))
        few = value.shape[layers.side(value)] < 2
        still = float((value[0] - value[1]).abs().max()) < STILL
        if check and (few or still or value[0].numel() > LARGEST):
            return
        if getattr(module, "function", None) is layers.joined:
            first = self.values[sources[0]]
            self.seams[len(self.values)] = first.shape[layers.side(first)]
        self.steps.append(step)
        self.values.append(value)

    def flip(self, chance: float) -> bool:
        """Return true with the given probability."""
        return bool(self.rng.random() < chance)

    def pick(self, choices: list[Any]) -> Any:
        """Return one of the choices at random."""
        return choices[self.rng.integers(len(choices))]

    def width(self, at: int) -> int:
        """Return the number of units of a value."""
        return self.values[at].shape[layers.side(self.values[at])]

    def make(self, at: int, units: int | None = None) -> Step:
        """Make a step that computes new units from a value."""
        old, new = self.width(at), units or self.pick(WIDTHS)
        bias = self.flip(0.8)
        linear = partial(nn.Linear, old, new, bias)
        conv = partial(nn.Conv2d, old, new, bias=bias)
        makers: list[Callable[[], nn.Module]] = [
            linear,
            lambda: layers.Matrices(old, new),
            lambda: Call(layers.mixture, self.modules((old, 3), *[(old, new)] * 3)),
            lambda: Call(layers.recurrent, self.cell(old, new)),
        ]
        if self.values[at].ndim == 2:
            makers += [linear] * 4
            norm = self.pick(
                [parametrizations.weight_norm, parametrizations.spectral_norm]
            )
            makers += [lambda: norm(linear())] if self.flip(0.2) else []
        elif self.values[at].ndim == 3:
            pairs = [(old, 6), (old, 6), (old, new)]
            makers += [
                linear,
                lambda: Call(layers.over_time, nn.Conv1d(old, new, 3, padding=1)),
                lambda: Call(layers.attention, self.modules(*pairs)),
            ]
        else:
            same = min(self.values[at].shape[2:]) < 3 or units is not None
            makers = [
                lambda: conv(3, padding=1) if same else conv(3, self.pick([1, 2])),
                lambda: conv(1),
                lambda: Call(layers.channels_last, linear()),
            ]
        return self.pick(makers)(), (at,)

    def modules(self, *pairs: tuple[int, int]) -> nn.ModuleList:
        """Make a Linear for each pair of (inputs, outputs)."""
        return nn.ModuleList(nn.Linear(*pair) for pair in pairs)

    def cell(self, old: int, new: int) -> nn.Module:
        """Make a GRU or LSTM of one or two layers."""
        kind = self.pick([nn.GRU, nn.LSTM])
        return kind(old, new, num_layers=self.pick([1, 1, 2]), batch_first=True)

    def twist(self, at: int) -> Step | None:
        """Make a random step that transforms or combines the units of a value."""
        kinds = [self.activate, self.normalise, self.reshape, self.two, self.again]
        return self.pick([*kinds, self.activate, self.two, self.residual])(at)

    def activate(self, at: int) -> Step:
        """Make an activation function that reads a value."""
        return self.pick(ACTIVATIONS)(), (at,)

    def normalise(self, at: int) -> Step:
        """Make a step that normalises a value over its units or over the batch."""
        old, rank = self.width(at), self.values[at].ndim
        mixers = [layers.centred, layers.shared_out, layers.softmaxed]
        norms = [Call(self.pick(mixers))]
        if rank != 3:
            batch = nn.BatchNorm1d if rank == 2 else nn.BatchNorm2d
            norms += [batch(old), batch(old), nn.GroupNorm(1, old)]
        if rank != 4:
            norms += [nn.LayerNorm(old), nn.RMSNorm(old)]
        if rank == 4:
            squeeze = nn.Sequential(nn.Linear(old, 4), nn.ReLU(), nn.Linear(4, old))
            norms += [Call(layers.excited, squeeze)]
            norms += [nn.Conv2d(old, old, 3, padding=1, groups=old)]
        return self.pick(norms), (at,)

    def reshape(self, at: int) -> Step | None:
        """Make a step that splits, doubles, cuts, flattens or pools a value."""
        value = self.values[at]
        calls: list[Any] = [layers.doubled]
        if self.width(at) % 2 == 0:
            calls += [layers.gated] * 3
        if at in self.seams:
            seam, end = self.seams[at], self.width(at)
            parts = [(0, seam), (seam, end)]
            calls += [partial(layers.part, *ends) for ends in parts] * 2
        if self.flip(0.1):
            calls += [layers.reversed_units]
        if value.ndim > 2:
            calls += [layers.flattened, layers.flattened_last]
            calls += [layers.averaged, layers.largest]
        if value.ndim == 3:
            calls += [layers.last_frame]
        if value.ndim == 4 and min(value.shape[2:]) > 2 and self.flip(0.5):
            return self.pick([nn.MaxPool2d, nn.AvgPool2d])(2), (at,)
        return Call(self.pick(calls)), (at,)

    def two(self, at: int) -> Step | None:
        """Make a step that joins, adds or multiplies two values."""
        shape = self.values[at].shape
        axis = layers.side(self.values[at])
        others = [
            i
            for i, v in enumerate(self.values)
            if i != at and v.ndim == len(shape)
            if all(v.shape[k] == shape[k] for k in range(v.ndim) if k != axis)
        ]
        if not others:
            return None
        other = self.pick(others)
        how = self.pick([layers.joined, layers.added, layers.multiplied])
        if how is not layers.joined and self.width(other) != self.width(at):
            self.add(self.make(other, self.width(at)))
            other = len(self.values) - 1
        if self.values[other].shape != shape and how is not layers.joined:
            return None
        return Call(how), (at, other)

    def residual(self, at: int) -> Step:
        """Make a residual block: a value plus the output of two layers that read it."""
        old, new = self.width(at), self.pick(WIDTHS)
        activation = self.pick(ACTIVATIONS)()
        if self.values[at].ndim == 4:
            pair = nn.Conv2d(old, new, 3, padding=1), nn.Conv2d(new, old, 1)
        else:
            pair = nn.Linear(old, new), nn.Linear(new, old)  # type: ignore
        inner = nn.Sequential(pair[0], activation, pair[1])
        return Call(layers.residual, inner), (at,)

    def again(self, at: int) -> Step | None:
        """Make a step that reuses a Linear or its weight, possibly transposed."""
        old, rank = self.width(at), self.values[at].ndim
        linears = [m for m, _ in self.steps if type(m) is nn.Linear] if rank < 4 else []
        uses = [m for m in linears if m.in_features == old]
        uses += [layers.twin(m) for m in uses]
        uses += [Call(layers.transposed, m) for m in linears if m.out_features == old]
        return (self.pick(uses), (at,)) if uses else None
