"""Convolutional networks, and one for a dict."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.torch_layers import (
    BaseFeaturesExtractor,
    CombinedExtractor,
)
from torch import nn
from torch.nn import functional

from user_networks.bodies import Extractor


def flat_width(layers: nn.Module, space: Any) -> int:
    """Return the width of what layers make of an observation, flattened."""
    with torch.no_grad():
        return layers(torch.zeros(1, *space.shape)).flatten(1).shape[1]


class PlainCnn(Extractor):
    """Two convolutions, a pool, a batch norm, one Linear."""

    out = 10

    def build(self, space: Any) -> None:
        self.cnn = nn.Sequential(
            nn.Conv2d(space.shape[0], 6, 3, stride=2),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Conv2d(6, 5, 3, padding=1),
            nn.ELU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.cnn.eval()
        self.linear = nn.Linear(flat_width(self.cnn, space), 10)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.linear(self.cnn(observations)))


class SqueezeExcite(Extractor):
    """The mean of each channel decides how much of it passes."""

    out = 10

    def build(self, space: Any) -> None:
        self.first = nn.Conv2d(space.shape[0], 6, 3, stride=2)
        self.down, self.up = nn.Linear(6, 4), nn.Linear(4, 6)
        self.second = nn.Conv2d(6, 5, 3, stride=2)
        body = nn.Sequential(self.first, self.second)
        self.last = nn.Linear(flat_width(body, space), 10)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.first(observations))
        share = torch.sigmoid(self.up(torch.relu(self.down(x.mean(dim=(2, 3))))))
        x = torch.relu(self.second(x * share[:, :, None, None]))
        return torch.relu(self.last(x.flatten(1)))


class ResidualConv(nn.Module):
    """``x + f(x)`` of an IMPALA network."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, inner, 3, padding=1)
        self.second = nn.Conv2d(inner, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(functional.relu(self.first(functional.relu(x))))


class Impala(Extractor):
    """Convolution, pool, residual; twice."""

    out = 10

    def build(self, space: Any) -> None:
        self.body = nn.Sequential(
            nn.Conv2d(space.shape[0], 6, 3, padding=1),
            nn.MaxPool2d(3, stride=2),
            ResidualConv(6, 4),
            nn.Conv2d(6, 5, 3, padding=1),
            nn.MaxPool2d(3, stride=2),
            ResidualConv(5, 4),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.last = nn.Linear(flat_width(self.body, space), 10)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.last(self.body(observations)))


class Separable(Extractor):
    """A convolution of each channel by itself, then one of all channels."""

    out = 5

    def build(self, space: Any) -> None:
        self.first = nn.Conv2d(space.shape[0], 6, 3, stride=2)
        self.depthwise = nn.Conv2d(6, 6, 3, groups=6)
        self.pointwise = nn.Conv2d(6, 5, 1)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.depthwise(torch.relu(self.first(observations))))
        return functional.adaptive_avg_pool2d(torch.relu(self.pointwise(x)), 1).flatten(
            1
        )


class ChannelsLast(Extractor):
    """A Linear on the channels between two convolutions, and a flatten of NHWC."""

    out = 10

    def build(self, space: Any) -> None:
        self.first = nn.Conv2d(space.shape[0], 6, 3, stride=2)
        self.middle = nn.Linear(6, 4)
        self.second = nn.Conv2d(4, 5, 3, stride=2)
        body = nn.Sequential(self.first, nn.Conv2d(6, 4, 1), self.second)
        self.last = nn.Linear(flat_width(body, space), 10)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.first(observations)).permute(0, 2, 3, 1)
        x = torch.relu(self.middle(x)).permute(0, 3, 1, 2)
        x = torch.relu(self.second(x)).permute(0, 2, 3, 1)
        return torch.relu(self.last(x.reshape(len(x), -1)))


class GroupNormedCnn(Extractor):
    """A group norm of one group behind the first convolution, of two on the second."""

    out = 10

    def build(self, space: Any) -> None:
        self.cnn = nn.Sequential(
            nn.Conv2d(space.shape[0], 5, 3, stride=2),
            nn.GroupNorm(1, 5),
            nn.ReLU(),
            nn.Conv2d(5, 6, 3, stride=2),
            nn.GroupNorm(2, 6),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.last = nn.Linear(flat_width(self.cnn, space), 10)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.last(self.cnn(observations)))


class SpaceToDepth(Extractor):
    """Stirs blocks of pixels into channels, and channels back into pixels."""

    out = 10

    def build(self, space: Any) -> None:
        self.first = nn.Conv2d(space.shape[0] * 9, 4, 1)
        self.second = nn.Conv2d(1, 5, 3, stride=2)
        self.last = nn.Linear(5, 10)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        x = functional.pixel_unshuffle(observations[..., :15, :30], 3)
        x = functional.pixel_shuffle(torch.relu(self.first(x)), 2)
        x = torch.relu(self.second(x)).amax(dim=(-2, -1))
        return torch.relu(self.last(x))


class Branches(CombinedExtractor):
    """A network of one's own for each entry of a dict, side by side in the end."""

    def __init__(self, observation_space: Any) -> None:
        BaseFeaturesExtractor.__init__(self, observation_space, 14)
        vector, image = observation_space["vec"], observation_space["img"]
        conv = nn.Conv2d(image.shape[0], 4, 5, stride=5)
        last = nn.Linear(flat_width(conv, image), 6)
        self.extractors = nn.ModuleDict(
            {
                "vec": nn.Sequential(nn.Linear(vector.shape[0], 8), nn.Tanh()),
                "img": nn.Sequential(conv, nn.ReLU(), nn.Flatten(), last, nn.ReLU()),
            }
        )
