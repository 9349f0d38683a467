"""Code of users' extractors that runs only in training mode."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

Tensor = torch.Tensor
Step = Callable[[Any, Tensor], Tensor]
Run = Callable[[Any, Tensor], Tensor]
Build = Callable[[Any], None]


def in_training(step: Step) -> Run:
    """Return a forward that calls a step between the layers, but only in training."""

    def run(net: Any, x: Tensor) -> Tensor:
        h = net.a(x).relu()
        return net.b(step(net, h) if net.training else h)

    return run


def with_part(name: str, make: Callable[[], Any]) -> Build:
    """Return what gives an extractor another part."""

    def build(net: Any) -> None:
        part = make()
        if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
            net.register_buffer(name, part)
        else:
            setattr(net, name, part)

    return build


def by_place(h: Tensor) -> Tensor:
    """Return a factor that depends on the number of units."""
    return torch.linspace(1, 2, h.shape[1])


# What can be cut.


def auxiliary(net: Any, h: Tensor) -> Tensor:
    net.loss = net.part(h).square().mean()
    return h


def collected(net: Any, h: Tensor) -> Tensor:
    net.part.append(h.square().mean())
    return h


def averaged(net: Any, h: Tensor) -> Tensor:
    with torch.no_grad():
        net.part.mul_(0.9).add_(0.1 * h.mean(0))
    return h


def clamped(net: Any, h: Tensor) -> Tensor:
    with torch.no_grad():
        net.a.weight.clamp_(-1, 1)
    return h


def by_chance(net: Any, h: Tensor) -> Tensor:
    return h * 2 if random.random() < 0.5 else h


class Reversed(torch.autograd.Function):
    """Reverses gradients."""

    @staticmethod
    def forward(ctx: Any, h: Tensor) -> Tensor:
        return h.view_as(h)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return -gradients[0]


def penalised(net: Any, h: Tensor) -> Tensor:
    (slope,) = torch.autograd.grad(h.sum(), net.a.weight, create_graph=True)
    net.loss = slope.square().sum()
    return h


def distributed(net: Any, h: Tensor) -> Tensor:
    return torch.distributions.Normal(h, 0.1).rsample()


CUT: dict[str, tuple[Step, Build | None]] = {
    "buffer": (lambda n, h: h * n.part, with_part("part", lambda: torch.rand(12))),
    "parameter": (
        lambda n, h: h * n.part,
        with_part("part", lambda: nn.Parameter(torch.rand(12))),
    ),
    "another layer": (
        lambda n, h: h + n.part(h),
        with_part("part", lambda: nn.Linear(12, 12)),
    ),
    "dropout": (lambda n, h: functional.dropout(h, 0.5, True), None),
    "dropout of a kind": (
        lambda n, h: n.part(h),
        with_part("part", lambda: nn.AlphaDropout(0.3)),
    ),
    "batch norm": (
        lambda n, h: n.part(h),
        with_part("part", lambda: nn.BatchNorm1d(12)),
    ),
    "layer norm": (lambda n, h: n.part(h), with_part("part", lambda: nn.LayerNorm(12))),
    "softmax": (lambda n, h: h * h.softmax(-1), None),
    "noise like": (lambda n, h: h + 0.1 * torch.randn_like(h), None),
    "noise of shape": (lambda n, h: h + 0.1 * torch.rand(h.shape), None),
    "noise in place": (lambda n, h: h + torch.empty_like(h).normal_(0, 0.1), None),
    "uniform in place": (lambda n, h: h + torch.empty_like(h).uniform_(-1, 1), None),
    "noise of a distribution": (distributed, None),
    "own dropout": (lambda n, h: h * (torch.rand_like(h) > 0.5) / 0.5, None),
    "own mask": (lambda n, h: h * torch.bernoulli(torch.full_like(h, 0.9)), None),
    "leaky by chance": (lambda n, h: functional.rrelu(h - 1, training=True), None),
    "by chance": (by_chance, None),
    "auxiliary head": (auxiliary, with_part("part", lambda: nn.Linear(12, 3))),
    "losses in a list": (collected, with_part("part", list)),
    "running mean": (averaged, with_part("part", lambda: torch.zeros(12))),
    "reversed gradients": (lambda n, h: Reversed.apply(h), None),
    "penalty": (penalised, None),
    "clamped weights": (clamped, None),
}
"""Steps after which the layer ``a`` may lose units."""

# What cannot.


def sliced(net: Any, h: Tensor) -> Tensor:
    h = h.clone()
    h[:, :6] *= 0.5
    return h


def normed(net: Any, h: Tensor) -> Tensor:
    scaled: Tensor = net.part(h) * torch.linspace(1, 2, 12)
    return scaled


def lost(net: Any, h: Tensor) -> Tensor:
    net.loss = (h * by_place(h)).sum()
    return h


def hooked(net: Any, h: Tensor) -> Tensor:
    if h.requires_grad:
        h.register_hook(lambda g: g * torch.linspace(1, 2, 12))
    return h


def hooked_by_place(net: Any, h: Tensor) -> Tensor:
    if h.requires_grad:
        h.register_hook(lambda g: g * by_place(g))
    return h


class HalfReversed(torch.autograd.Function):
    """Reverses the gradients of the first six units."""

    @staticmethod
    def forward(ctx: Any, h: Tensor) -> Tensor:
        return h.view_as(h)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return torch.cat([-gradients[0][:, :6], gradients[0][:, 6:]], 1)


def sometimes(net: Any, h: Tensor) -> Tensor:
    return h * by_place(h) if torch.rand(()) < 0.5 else h


def rarely(net: Any, h: Tensor) -> Tensor:
    return torch.where(torch.rand_like(h) < 0.3, h * by_place(h), h)


def failing(net: Any, h: Tensor) -> Tensor:
    raise RuntimeError("not before learn()")


REFUSED: dict[str, tuple[Step, Build | None, str]] = {
    "batch norm and a width": (
        normed,
        with_part("part", lambda: nn.BatchNorm1d(12)),
        "must match the size",
    ),
    "noise of a width": (lambda n, h: h + torch.randn(12), None, "must match the size"),
    "noise by place": (
        lambda n, h: h + torch.randn_like(h) * by_place(h),
        None,
        "moves the .* in training mode",
    ),
    "loss by place": (lost, None, r"moves 'features_extractor.loss\[0\]' in training"),
    "hook of a width": (hooked, None, "'forward' in training mode: .*must match"),
    "hook by place": (hooked_by_place, None, "moves the gradient of"),
    "half a gradient": (
        lambda n, h: HalfReversed.apply(h),
        None,
        "moves the gradient of",
    ),
    "sometimes by place": (sometimes, None, "in training mode"),
    "rarely by place": (rarely, None, "in training mode"),
    "a share of a remembered width": (
        lambda n, h: h * (12 / h.shape[1]),
        None,
        "in training mode",
    ),
    "failing": (failing, None, "'evaluate_actions' in training mode: RuntimeError: no"),
}
"""Steps that a trial refuses, and how its reason says so."""


def by_numpy(net: Any, h: Tensor) -> Tensor:
    return h + torch.as_tensor(np.random.normal(size=h.shape)).float()


FIXED: dict[str, tuple[Step, str]] = {
    "slice": (sliced, "no rule for setitem"),
    "view": (
        lambda n, h: (h.view(-1, 2, 6) * torch.ones(2, 1)).flatten(1),
        "reshape splits the units",
    ),
    "view of the rest": (
        lambda n, h: (h.view(len(h), 2, -1) * torch.ones(2, 1)).flatten(1),
        "reshape splits the units",
    ),
    "slice of dropout": (
        lambda n, h: sliced(n, functional.dropout(h, 0.5, True)),
        "no rule for setitem",
    ),
    "shuffled": (lambda n, h: h[:, torch.randperm(12)], "no rule for getitem"),
    "numpy": (by_numpy, "no rule for as_tensor"),
    "gumbel": (lambda n, h: functional.gumbel_softmax(h), "no rule for gumbel_softmax"),
}
"""Steps whose operations fix the units, with the reason."""


# Noise in weights.


class Noisy(nn.Module):
    """A layer of a NoisyNet, which remembers its widths."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.in_features, self.out_features = inputs, outputs
        self.mean = nn.Parameter(torch.randn(outputs, inputs) / 2)
        self.scale = nn.Parameter(torch.full((outputs, inputs), 0.1))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("noise", torch.zeros(outputs, inputs))
        self.draw()

    def draw(self) -> None:
        """Draw noise, a factor for each input and for each output."""
        left, right = torch.randn(self.out_features), torch.randn(self.in_features)
        self.get_buffer("noise").copy_(left.sign().outer(right.abs().sqrt()))

    def forward(self, x: Tensor) -> Tensor:
        """Return the product with the mean, and with noise in training."""
        noise = self.scale * self.get_buffer("noise") if self.training else 0.0
        return functional.linear(x, self.mean + noise, self.bias)


class Resetting(Noisy):
    """Is told to draw noise anew."""

    def reset_noise(self) -> None:
        """Draw noise."""
        self.draw()


class Drawing(Noisy):
    """Draws noise anew whenever it runs in training."""

    def forward(self, x: Tensor) -> Tensor:
        """Draw noise, and use it."""
        if self.training:
            self.draw()
        return super().forward(x)
