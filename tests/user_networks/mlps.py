"""Multi-layer perceptrons that are more than a chain."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from user_networks.bodies import Body


class Residual(Body):
    """``x + f(x)``."""

    out = 12
    bias = True

    def build(self, width: int) -> None:
        self.stem = nn.Linear(width, 12, bias=self.bias)
        self.inner = nn.Linear(12, 10, bias=self.bias)
        self.outer = nn.Linear(10, 12, bias=self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        return x + self.outer(torch.relu(self.inner(x)))


class ResidualWithoutBias(Residual):
    """No bias anywhere: nothing to fold a constant into."""

    bias = False


class PreNormResidual(Body):
    """Two blocks ``x + f(norm(x))``, as in transformers."""

    out = 12

    def build(self, width: int) -> None:
        self.stem = nn.Linear(width, 12)
        self.norms = nn.ModuleList(nn.LayerNorm(12) for _ in range(2))
        self.inner = nn.ModuleList(nn.Linear(12, n) for n in (10, 8))
        self.outer = nn.ModuleList(nn.Linear(n, 12) for n in (10, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for norm, inner, outer in zip(self.norms, self.inner, self.outer, strict=True):
            x = x + outer(functional.silu(inner(norm(x))))
        return x


class DenseNet(Body):
    """Every layer sees everything before it, CartPole's four numbers first."""

    out = 4 + 12 + 10 + 6

    def build(self, width: int) -> None:
        self.first = nn.Linear(width, 12)
        self.second = nn.Linear(width + 12, 10)
        self.third = nn.Linear(width + 12 + 10, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in (self.first, self.second, self.third):
            x = torch.cat([x, functional.elu(layer(x))], dim=-1)
        return x


class ObservationSkip(Body):
    """The observation enters a later layer once more."""

    out = 10

    def build(self, width: int) -> None:
        self.first = nn.Linear(width, 12)
        self.second = nn.Linear(12 + width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.tanh(self.first(x))
        return torch.tanh(self.second(torch.cat([hidden, x], dim=1)))


class Functional(Body):
    """Matrices without modules, on either side of the activations."""

    out = 8

    def build(self, width: int) -> None:
        self.enter = nn.Parameter(0.4 * torch.randn(12, width))
        self.shift = nn.Parameter(torch.zeros(12))
        self.matrix = nn.Parameter(0.4 * torch.randn(12, 10))
        self.scale = nn.Parameter(torch.ones(10))
        self.leave = nn.Parameter(0.4 * torch.randn(10, 8))
        self.last_shift = nn.Parameter(torch.zeros(1, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(functional.linear(x, self.enter, self.shift))
        x = torch.relu(x @ self.matrix) * self.scale
        return torch.tanh(torch.addmm(self.last_shift, x, self.leave))


class GatedByChunk(Body):
    """One Linear makes values and gates (GLU)."""

    out = 8

    def build(self, width: int) -> None:
        self.both = nn.Linear(width, 20)
        self.last = nn.Linear(10, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, gate = self.both(x).chunk(2, dim=-1)
        return functional.leaky_relu(self.last(value * torch.sigmoid(gate)))


class GatedBySlices(GatedByChunk):
    """The same by slices that follow the width."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        both = self.both(x)
        half = both.shape[-1] // 2
        return functional.leaky_relu(
            self.last(both[:, :half] * both[:, half:].sigmoid())
        )


class Experts(Body):
    """Three Linears, weighed by a softmax of the input."""

    out = 8

    def build(self, width: int) -> None:
        self.gate = nn.Linear(width, 3)
        self.experts = nn.ModuleList(nn.Linear(width, 10) for _ in range(3))
        self.last = nn.Linear(10, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shares = torch.softmax(self.gate(x), dim=-1)
        answers = torch.stack([expert(x) for expert in self.experts], dim=1)
        return torch.relu(self.last((answers * shares.unsqueeze(-1)).sum(dim=1)))


class TiedTranspose(Body):
    """Goes back through the transpose of its own weight, as autoencoders do."""

    out = 12

    def build(self, width: int) -> None:
        self.enter = nn.Linear(width, 12)
        self.code = nn.Linear(12, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        code = torch.tanh(self.code(torch.relu(self.enter(x))))
        return torch.relu(functional.linear(code, self.code.weight.t()))


class Nested(Body):
    """Sequentials in Sequentials, with dropout and an identity."""

    out = 8

    def build(self, width: int) -> None:
        first = nn.Sequential(nn.Linear(width, 12), nn.Sequential(nn.GELU()))
        second = nn.Sequential(nn.Identity(), nn.Sequential(nn.Linear(12, 10)))
        last = nn.Sequential(nn.Dropout(0.1), nn.Linear(10, 8), nn.Hardswish())
        self.net = nn.Sequential(nn.Sequential(first, second), nn.Mish(), last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


class Film(Body):
    """One layer scales and shifts another's units."""

    out = 10

    def build(self, width: int) -> None:
        self.hidden = nn.Linear(width, 12)
        self.scale, self.shift = nn.Linear(12, 10), nn.Linear(12, 10)
        self.main = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        context = torch.relu(self.hidden(x))
        return torch.relu(self.scale(context) * self.main(x) + self.shift(context))
