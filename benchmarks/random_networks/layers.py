"""The layers of random networks: functions, and the modules that they use.

A *value* is the observation or the output of a layer. *Places* are the pixels of an
image, *frames* the steps of a history.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Call(nn.Module):
    """A function as a module; ``inner`` is a module that the function uses, or None."""

    def __init__(self, function: Callable[..., Any], inner: Any = None) -> None:
        super().__init__()
        self.function, self.inner = function, inner

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        """Call the function."""
        if self.inner is None:
            return self.function(*values)
        return self.function(self.inner, *values)


class Matrices(nn.Module):
    """A layer of bare parameters: a matrix, a shift and a scale."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(inputs, outputs) / inputs**0.5)
        self.shift = nn.Parameter(torch.zeros(outputs))
        self.scale = nn.Parameter(torch.ones(1, outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply with the matrix, shift and scale."""
        return (x @ self.matrix + self.shift) * self.scale


def side(x: torch.Tensor) -> int:
    """Return the axis of the units: channels of images, else the last one."""
    return 1 if x.ndim == 4 else x.ndim - 1


def twin(linear: nn.Linear) -> nn.Linear:
    """Return a Linear with the same weight and a bias of its own."""
    made = nn.Linear(linear.in_features, linear.out_features)
    made.weight = linear.weight
    return made


# Functions of one value.


def centred(x: torch.Tensor) -> torch.Tensor:
    """Return a value minus the mean of its units."""
    return x - x.mean(dim=side(x), keepdim=True)


def shared_out(x: torch.Tensor) -> torch.Tensor:
    """Return a value divided by one plus the sum of its units' magnitudes."""
    return x / (1 + x.abs().sum(dim=side(x), keepdim=True))


def softmaxed(x: torch.Tensor) -> torch.Tensor:
    """Return the softmax over the units."""
    return torch.softmax(x, dim=side(x))


def doubled(x: torch.Tensor) -> torch.Tensor:
    """Return the positive part of a value, and behind it the negative part."""
    return torch.cat([x.relu(), (-x).relu()], dim=side(x))


def reversed_units(x: torch.Tensor) -> torch.Tensor:
    """Return a value plus its units in reverse order, which no cut can follow."""
    return x + 0.5 * x.flip(side(x))


def gated(x: torch.Tensor) -> torch.Tensor:
    """Return the first half of the units, multiplied by gates from the second half."""
    value, gate = x.chunk(2, dim=side(x))
    return value * torch.sigmoid(gate)


def flattened(x: torch.Tensor) -> torch.Tensor:
    """Return a value as a vector; in images, units are the outermost axis."""
    return x.flatten(1)


def flattened_last(x: torch.Tensor) -> torch.Tensor:
    """Return a value as a vector; units are the innermost axis in images."""
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


# Functions of several values.


def joined(*values: torch.Tensor) -> torch.Tensor:
    """Return values concatenated along their units."""
    return torch.cat(values, dim=side(values[0]))


def added(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the sum of two values."""
    return x + y


def multiplied(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return a value multiplied by gates from another."""
    return x * torch.sigmoid(y)


# Functions of a module and a value.


def residual(inner: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return a value plus the module's output for it."""
    return x + inner(x)


def transposed(linear: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    """Return a value multiplied by the transposed weight of a Linear."""
    return functional.linear(x, linear.weight.t())


def part(start: int, stop: int, x: torch.Tensor) -> torch.Tensor:
    """Return a range of units, whose ends are constants in the code."""
    return x[:, start:stop] if x.ndim == 4 else x[..., start:stop]


def mixture(inner: nn.ModuleList, x: torch.Tensor) -> torch.Tensor:
    """Return the mean of three experts' outputs, weighted by a softmax."""
    gate, *experts = inner
    answers = torch.stack([expert(x) for expert in experts], dim=-2)
    shares = torch.softmax(gate(x), dim=-1)
    return (answers * shares.unsqueeze(-1)).sum(dim=-2)


def recurrent(inner: nn.GRU | nn.LSTM, x: torch.Tensor) -> torch.Tensor:
    """Return the output of a recurrent layer for a history or for one frame."""
    if x.ndim == 3:
        return inner(x)[0]
    return inner(x.unsqueeze(1))[0].squeeze(1)


def over_time(inner: nn.Conv1d, x: torch.Tensor) -> torch.Tensor:
    """Return a convolution along a history."""
    return inner(x.transpose(1, 2)).transpose(1, 2)


def attention(inner: nn.ModuleList, x: torch.Tensor) -> torch.Tensor:
    """Return self-attention between the frames of a history."""
    query, key, value = (layer(x) for layer in inner)
    return torch.softmax(query @ key.transpose(1, 2), dim=-1) @ value


def channels_last(inner: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return the output of a module that reads an image's channels, place by place."""
    return inner(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def excited(inner: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return an image whose channels are multiplied by gates from their means."""
    return x * torch.sigmoid(inner(x.mean(dim=(2, 3))))[:, :, None, None]
