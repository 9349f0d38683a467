"""Networks that look at a history: recurrent, convolutional, attentive."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from user_networks.bodies import Body, Extractor


class GruStep(Body):
    """A GRU that is given a single step."""

    out = 8

    def build(self, width: int) -> None:
        self.stem = nn.Linear(width, 12)
        self.gru = nn.GRU(12, 8, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = torch.relu(self.stem(x)).unsqueeze(1)
        return self.gru(steps)[0].squeeze(1)


class CellStep(Body):
    """An LSTM cell that is given a single step."""

    out = 8

    def build(self, width: int) -> None:
        self.stem = nn.Linear(width, 12)
        self.cell = nn.LSTMCell(12, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.cell(torch.relu(self.stem(x)))[0]


class GruFrames(Extractor):
    """A GRU of two layers over the frames; its last state counts."""

    out = 10

    def build(self, space: Any) -> None:
        self.embed = nn.Linear(space.shape[1], 12)
        self.gru = nn.GRU(12, 8, num_layers=2, batch_first=True)
        self.last = nn.Linear(8, 10)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        _, state = self.gru(torch.tanh(self.embed(observations)))
        return torch.relu(self.last(state[-1]))


class ConvFrames(Extractor):
    """Convolutions over time, the last one pooled in part."""

    out = 10

    def build(self, space: Any) -> None:
        length, width = space.shape
        self.net = nn.Sequential(
            nn.Conv1d(width, 6, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(6, 5, 2),
            nn.Tanh(),
            nn.AvgPool1d(2),
            nn.Flatten(),
            nn.Linear(5 * ((length - 1) // 2), 10),
            nn.ReLU(),
        )

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.net(observations.transpose(1, 2))


class FrameSet(Extractor):
    """The same network for every frame, then their mean and maximum."""

    out = 10

    def build(self, space: Any) -> None:
        self.first, self.second = nn.Linear(space.shape[1], 12), nn.Linear(12, 6)
        self.last = nn.Linear(12, 10)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        each = torch.relu(self.second(torch.relu(self.first(observations))))
        both = torch.cat([each.mean(dim=1), each.amax(dim=1)], dim=-1)
        return torch.relu(self.last(both))


class Attention(Extractor):
    """Multi-head attention over the frames, with a residual feed-forward part."""

    out = 10

    def build(self, space: Any) -> None:
        self.embed = nn.Linear(space.shape[1], 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.inner, self.outer = nn.Linear(8, 12), nn.Linear(12, 8)
        self.last = nn.Linear(8, 10)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        x = self.embed(observations)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        x = x + self.outer(torch.relu(self.inner(x)))
        return torch.relu(self.last(x.mean(dim=1)))


class OwnAttention(Extractor):
    """Attention written out: keys meet queries, values pass."""

    out = 10

    def build(self, space: Any) -> None:
        width = space.shape[1]
        self.query, self.key = nn.Linear(width, 8), nn.Linear(width, 8)
        self.value, self.last = nn.Linear(width, 12), nn.Linear(12, 10)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        scores = self.query(observations) @ self.key(observations).transpose(1, 2)
        shares = torch.softmax(0.3 * scores, dim=-1)
        return torch.relu(self.last((shares @ self.value(observations))[:, -1]))
