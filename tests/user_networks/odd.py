"""Networks that no rule describes, and those that only seem to be described."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from user_networks.bodies import Body


class Chain(Body):
    """Two layers; what subclasses do between them is odd."""

    out = 10
    between = 12

    def build(self, width: int) -> None:
        self.first = nn.Linear(width, 12)
        self.second = nn.Linear(self.between, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.second(self.odd(torch.relu(self.first(x)))))

    def odd(self, hidden: torch.Tensor) -> torch.Tensor:
        """Do something to the twelve units."""
        raise NotImplementedError


class HardView(Chain):
    """Says the width once more."""

    def odd(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden.view(-1, 12)


class Heads(Chain):
    """Three heads of four units, averaged."""

    between = 4

    def odd(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden.view(-1, 3, 4).mean(dim=1)


class LiteralSlices(Body):
    """The first five units have another reader than the other seven."""

    out = 14

    def build(self, width: int) -> None:
        self.first = nn.Linear(width, 12)
        self.left, self.right = nn.Linear(5, 8), nn.Linear(7, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.relu(self.first(x))
        return torch.cat([self.left(h[:, :5]), self.right(h[:, 5:])], dim=1).tanh()


class PickedUnit(Chain):
    """One unit, by its number, gates all the others."""

    def odd(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden * torch.sigmoid(hidden[:, 3:4])


class HardVector(Chain):
    """A vector of numbers in the code."""

    signs: ClassVar[list[float]] = [1.0, -1.0, 0.5] * 4

    def odd(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden * torch.tensor(self.signs)


class DividedByWidth(Chain):
    """The number of units is a number in the formula."""

    def odd(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden / hidden.shape[1]


class Reversed(Chain):
    """Adds the units in reverse order: the first belongs to the last."""

    def odd(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden + hidden.flip(1)


class Neighbours(Chain):
    """Adds each unit's left neighbour."""

    def odd(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden + torch.roll(hidden, 1, dims=1)


class TopUnits(Chain):
    """Only the five largest units get through."""

    def odd(self, hidden: torch.Tensor) -> torch.Tensor:
        least = hidden.topk(5, dim=1).values[:, -1:]
        return torch.where(hidden >= least, hidden, torch.zeros_like(hidden))


class Pairs(Chain):
    """Maxout: of two neighbours, the larger one."""

    between = 6

    def odd(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden.view(len(hidden), -1, 2).amax(dim=2)


class NumpyDetour(Chain):
    """Adds what numpy computes of the units, without a gradient."""

    def odd(self, hidden: torch.Tensor) -> torch.Tensor:
        seen = np.sign(hidden.detach().cpu().numpy())
        return hidden + 0.1 * torch.as_tensor(seen)


class Remembering(Chain):
    """Every call moves a buffer, and the next one reads it."""

    memory: torch.Tensor

    def build(self, width: int) -> None:
        super().build(width)
        self.register_buffer("memory", torch.zeros(12))

    def odd(self, hidden: torch.Tensor) -> torch.Tensor:
        self.memory = 0.9 * self.memory + 0.1 * hidden.detach().mean(dim=0)
        return hidden - self.memory


def swish(hidden: torch.Tensor) -> torch.Tensor:
    """Multiply the units by shares of their own."""
    return hidden * torch.sigmoid(hidden)


with warnings.catch_warnings():
    # TorchScript is deprecated, yet users have it.
    warnings.simplefilter("ignore", DeprecationWarning)
    scripted_swish = torch.jit.script(swish)


class Scripted(Chain):
    """TorchScript hides its calls."""

    def odd(self, hidden: torch.Tensor) -> torch.Tensor:
        return scripted_swish(hidden)


class Sign(torch.autograd.Function):
    """The sign, with the gradient of the identity."""

    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor) -> torch.Tensor:
        return hidden.sign()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient


class StraightThrough(Chain):
    """Binary units by an autograd function of one's own."""

    def odd(self, hidden: torch.Tensor) -> torch.Tensor:
        return Sign.apply(hidden - 0.5)


class Einsum(Chain):
    """A contraction by letters."""

    def odd(self, hidden: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bi,ij->bj", hidden, self.mixing)

    def build(self, width: int) -> None:
        super().build(width)
        self.mixing = nn.Parameter(torch.eye(12))


class BilinearMix(Body):
    """Two branches multiply in an ``nn.Bilinear``."""

    out = 10

    def build(self, width: int) -> None:
        self.left, self.right = nn.Linear(width, 12), nn.Linear(width, 8)
        self.mix = nn.Bilinear(12, 8, 6)
        self.last = nn.Linear(6, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mixed = self.mix(self.left(x).relu(), self.right(x).relu())
        return self.last(mixed.tanh()).relu()


class Hypernetwork(Body):
    """One network makes the weights of another."""

    out = 8

    def build(self, width: int) -> None:
        self.maker = nn.Linear(width, 6)
        self.weights = nn.Linear(6, 8 * 10)
        self.first = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = self.weights(torch.relu(self.maker(x))).view(-1, 8, 10)
        hidden = torch.relu(self.first(x)).unsqueeze(-1)
        return torch.tanh(weights @ hidden).squeeze(-1)


class Quantised(Body):
    """Hidden units look up a table by their largest."""

    out = 10

    def build(self, width: int) -> None:
        self.first = nn.Linear(width, 12)
        self.table = nn.Embedding(12, 6)
        self.last = nn.Linear(6, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        code = self.first(x).argmax(dim=1)
        return functional.relu(self.last(self.table(code)))
