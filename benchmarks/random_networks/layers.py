"""What random networks are made of: functions, and the modules that they use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Call(nn.Module):
    """A function of a network, with at most one module that it uses."""

    def __init__(self, function: Callable[..., Any], inner: Any = None) -> None:
        super().__init__()
        self.function, self.inner = function, inner

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        """Call the function."""
        if self.inner is None:
            return self.function(*values)
        return self.function(self.inner, *values)


class Matrices(nn.Module):
    """Bare parameters: a matrix from the right, a shift, a scale."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(inputs, outputs) / inputs**0.5)
        self.shift = nn.Parameter(torch.zeros(outputs))
        self.scale = nn.Parameter(torch.ones(1, outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply, shift and scale."""
        return (x @ self.matrix + self.shift) * self.scale


def side(x: torch.Tensor) -> int:
    """Return the axis of the units: channels of images, else the last one."""
    return 1 if x.ndim == 4 else x.ndim - 1


def twin(linear: nn.Linear) -> nn.Linear:
    """Return a Linear with the same weight and a bias of its own."""
    made = nn.Linear(linear.in_features, linear.out_features)
    made.weight = linear.weight
    return made


# Of one value.


def centred(x: torch.Tensor) -> torch.Tensor:
    """Return a value less the mean of its units."""
    return x - x.mean(dim=side(x), keepdim=True)


def shared_out(x: torch.Tensor) -> torch.Tensor:
    """Return a value divided by the sum of its units."""
    return x / (1 + x.abs().sum(dim=side(x), keepdim=True))


def softmaxed(x: torch.Tensor) -> torch.Tensor:
    """Return the softmax over the units."""
    return torch.softmax(x, dim=side(x))


def doubled(x: torch.Tensor) -> torch.Tensor:
    """Return what is above zero, and behind it what is below."""
    return torch.cat([x.relu(), (-x).relu()], dim=side(x))


def reversed_units(x: torch.Tensor) -> torch.Tensor:
    """Return a value plus its units in reverse: no cut can follow."""
    return x + 0.5 * x.flip(side(x))


def gated(x: torch.Tensor) -> torch.Tensor:
    """Return one half of the units, gated by the other."""
    value, gate = x.chunk(2, dim=side(x))
    return value * torch.sigmoid(gate)


def flattened(x: torch.Tensor) -> torch.Tensor:
    """Return a value as a vector, units outermost in images."""
    return x.flatten(1)


def flattened_last(x: torch.Tensor) -> torch.Tensor:
    """Return a value as a vector, units innermost in images."""
    last = x.permute(0, 2, 3, 1) if x.ndim == 4 else x.transpose(1, 2)
    return last.reshape(len(x), -1)


def last_frame(x: torch.Tensor) -> torch.Tensor:
    """Return the last frame of a history."""
    return x[:, -1]


def averaged(x: torch.Tensor) -> torch.Tensor:
    """Return the mean over places or frames."""
    return x.mean(dim=(2, 3)) if x.ndim == 4 else x.mean(dim=1)


def largest(x: torch.Tensor) -> torch.Tensor:
    """Return the maximum over places or frames."""
    return x.amax(dim=(2, 3)) if x.ndim == 4 else x.amax(dim=1)


# Of several values.


def joined(*values: torch.Tensor) -> torch.Tensor:
    """Return values side by side."""
    return torch.cat(values, dim=side(values[0]))


def added(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the sum of two values."""
    return x + y


def multiplied(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return a value gated by another."""
    return x * torch.sigmoid(y)


# Of a module and a value.


def residual(inner: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return a value plus what a module makes of it."""
    return x + inner(x)


def transposed(linear: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    """Return what the weight of a Linear makes of a value, transposed."""
    return functional.linear(x, linear.weight.t())


def part(start: int, stop: int, x: torch.Tensor) -> torch.Tensor:
    """Return a stretch of the units, at literal places."""
    return x[:, start:stop] if x.ndim == 4 else x[..., start:stop]


def mixture(inner: nn.ModuleList, x: torch.Tensor) -> torch.Tensor:
    """Return a mean of experts, weighted by a gate."""
    gate, *experts = inner
    answers = torch.stack([expert(x) for expert in experts], dim=-2)
    shares = torch.softmax(gate(x), dim=-1)
    return (answers * shares.unsqueeze(-1)).sum(dim=-2)


def recurrent(inner: nn.GRU | nn.LSTM, x: torch.Tensor) -> torch.Tensor:
    """Return what a recurrent layer makes of a history, or of one frame."""
    if x.ndim == 3:
        return inner(x)[0]
    return inner(x.unsqueeze(1))[0].squeeze(1)


def over_time(inner: nn.Conv1d, x: torch.Tensor) -> torch.Tensor:
    """Return a convolution along a history."""
    return inner(x.transpose(1, 2)).transpose(1, 2)


def attention(inner: nn.ModuleList, x: torch.Tensor) -> torch.Tensor:
    """Return what frames say to each other."""
    query, key, value = (layer(x) for layer in inner)
    return torch.softmax(query @ key.transpose(1, 2), dim=-1) @ value


def channels_last(inner: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return what a module makes of an image's channels, place by place."""
    return inner(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def excited(inner: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return an image whose channels are weighted by their means."""
    return x * torch.sigmoid(inner(x.mean(dim=(2, 3))))[:, :, None, None]
