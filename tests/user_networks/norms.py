"""Normalisations, mixing activations and weights that are computed."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from user_networks.bodies import Body


class BatchNormed(Body):
    """Every layer has its BatchNorm1d, the last one without scale and shift."""

    out = 10

    def build(self, width: int) -> None:
        self.first, self.second = nn.Linear(width, 12, bias=False), nn.Linear(12, 10)
        self.norm = nn.BatchNorm1d(12)
        self.last_norm = nn.BatchNorm1d(10, affine=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.first(x)))
        return torch.relu(self.last_norm(self.second(x)))


class RunningNorm(nn.Module):
    """A batch norm as users write it: buffers that training moves."""

    mean: torch.Tensor
    square: torch.Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("square", torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            with torch.no_grad():
                self.mean.lerp_(x.mean(dim=0), 0.1)
                self.square.lerp_(x.square().mean(dim=0), 0.1)
        return (x - self.mean) * torch.rsqrt(self.square + 1e-5)


class RmsNorm(nn.Module):
    """Root mean square norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        power = x.pow(2).mean(dim=-1, keepdim=True)
        return x * torch.rsqrt(power + 1e-5) * self.scale


class Normed(Body):
    """Two layers with a norm, or what subclasses put there, behind the first."""

    out = 10

    def build(self, width: int) -> None:
        self.first, self.second = nn.Linear(width, 12), nn.Linear(12, 10)
        self.norm = self.make_norm()

    def make_norm(self) -> nn.Module:
        """Make what stands behind the twelve units."""
        return RmsNorm(12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(self.norm(self.first(x)))
        return torch.tanh(self.second(x))


class OwnRunningNormed(Normed):
    """Statistics in buffers of one's own."""

    def make_norm(self) -> nn.Module:
        return RunningNorm(12)


class LayerNormed(Normed):
    """A layer norm."""

    def make_norm(self) -> nn.Module:
        return nn.LayerNorm(12)


class OneGroupNormed(Normed):
    """A group norm of a single group."""

    def make_norm(self) -> nn.Module:
        return nn.GroupNorm(1, 12)


class FourGroupsNormed(Normed):
    """A group norm of four groups of three units."""

    def make_norm(self) -> nn.Module:
        return nn.GroupNorm(4, 12)


class SoftmaxHidden(Normed):
    """A softmax over hidden units."""

    def make_norm(self) -> nn.Module:
        return nn.Softmax(dim=-1)


class UnitLength(Normed):
    """Hidden units on the sphere."""

    def make_norm(self) -> nn.Module:
        return Sphere()


class LearntSlopes(Normed):
    """A PReLU with a slope for each unit."""

    def make_norm(self) -> nn.Module:
        return nn.PReLU(12)


class Sphere(nn.Module):
    """Divide by the length."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / (x.norm(dim=-1, keepdim=True) + 1e-6)


class NoisyLinear(nn.Linear):
    """A Linear with learnt noise on its weights (NoisyNet).

    Attributes:
        always: Disturb while acting, too.
    """

    noise: torch.Tensor

    def __init__(self, inputs: int, outputs: int, *, always: bool) -> None:
        super().__init__(inputs, outputs)
        self.always = always
        self.sigma = nn.Parameter(torch.full((outputs, inputs), 0.1))
        self.bias_sigma = nn.Parameter(torch.full((outputs,), 0.1))
        self.register_buffer("noise", torch.randn(outputs, inputs))
        self.register_buffer("bias_noise", torch.randn(outputs))

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if not (self.training or self.always):
            return functional.linear(input, self.weight, self.bias)
        weight = self.weight + self.sigma * self.noise
        return functional.linear(
            input, weight, self.bias + self.bias_sigma * self.bias_noise
        )


class Noisy(Body):
    """Noise at all times: everything is read by every call."""

    out = 10
    always = True

    def build(self, width: int) -> None:
        self.first = NoisyLinear(width, 12, always=self.always)
        self.second = NoisyLinear(12, 10, always=self.always)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.second(torch.relu(self.first(x))))


class NoisyInTraining(Noisy):
    """Noise in training only: no acting agent reads sigma."""

    always = False


class WeightNormed(Body):
    """The first weight is a direction times a length."""

    out = 10

    def build(self, width: int) -> None:
        self.first = parametrizations.weight_norm(nn.Linear(width, 12))
        self.second = nn.Linear(12, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.second(torch.relu(self.first(x))))


class SpectralNormed(Body):
    """The middle weight is divided by its largest singular value."""

    out = 8

    def build(self, width: int) -> None:
        self.first = nn.Linear(width, 12)
        self.second = parametrizations.spectral_norm(nn.Linear(12, 10))
        self.third = nn.Linear(10, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.second(torch.relu(self.first(x))))
        return torch.relu(self.third(x))


class Standardised(Body):
    """Rows of the weight are standardised before each use."""

    out = 10

    def build(self, width: int) -> None:
        self.first, self.second = nn.Linear(width, 12), nn.Linear(12, 10, False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.second.weight
        weight = weight - weight.mean(dim=1, keepdim=True)
        return torch.tanh(functional.linear(torch.relu(self.first(x)), weight))
