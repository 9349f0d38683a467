r"""Schedules: *when*; how much of the agent is gone at each moment of training.

A schedule is a staircase: N events, evenly spaced between ``begin`` and ``end``, of
which event k, at time :math:`t_0 + k (t_1 - t_0) / N`, leaves sparsity :math:`s_k`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from sb3_prune.exceptions import ConfigError


@dataclass(frozen=True, kw_only=True)
class Schedule(ABC):
    """Share of the initial hidden units to be gone, over training.

    Raises:
        ConfigError: A value is outside its range.
    """

    initial: float = 0.0
    """Sparsity from ``begin`` on, s_i, in [0, final]."""
    final: float = 0.8
    """Sparsity from ``end`` on, s_f, in [initial, 1)."""
    begin: float = 0.2
    """Share of training before which nothing is removed, t_0, in [0, end]."""
    end: float = 0.8
    """Share of training at which the final sparsity is reached, t_1, in [begin, 1]."""
    steps: int = 20
    """Number of pruning events N between them, at least 1."""

    def __post_init__(self) -> None:
        if not 0 <= self.initial < 1:
            raise ConfigError(
                f"initial sparsity must be in [0, 1), got {self.initial}."
            )
        if not self.initial <= self.final < 1:
            raise ConfigError(
                f"final sparsity must be in [{self.initial}, 1), from the initial one "
                f"to less than everything; got {self.final}."
            )
        if not self.end <= 1:
            raise ConfigError(
                f"The schedule ends after training: end must be at most 1, "
                f"got {self.end}."
            )
        if not 0 <= self.begin <= self.end:
            raise ConfigError(
                f"begin must be in [0, {self.end}], before the end; got {self.begin}."
            )
        if self.steps < 1:
            raise ConfigError(f"steps must be at least 1, got {self.steps}.")

    def event(self, progress: float) -> int:
        """Return the number of events so far; 0 before ``begin``, then k + 1.

        Args:
            progress: Share of training done.
        """
        if progress < self.begin:
            return 0
        if progress >= self.end:
            return self.steps + 1
        done = (progress - self.begin) / (self.end - self.begin)
        return 1 + int(done * self.steps + 1e-9)  # 1e-9: rounding just before an event

    def sparsity(self, progress: float) -> float:
        """Return the share of the initial units to be gone by now.

        Args:
            progress: Share of training done.

        Returns:
            A sparsity in [initial, final], never falling with progress.
        """
        k = self.event(progress) - 1
        if k <= 0:
            return self.initial
        if k >= self.steps:
            return self.final
        return min(max(self.curve(k / self.steps), self.initial), self.final)

    @abstractmethod
    def curve(self, share: float) -> float:
        """Return the sparsity after a share k / N, in (0, 1), of the events."""


@dataclass(frozen=True, kw_only=True)
class OneShot(Schedule):
    r"""Everything at ``begin``; ``end`` and ``steps`` do not matter.

    .. math:: s(t) = s_f \text{ from } t_0
    """

    def event(self, progress: float) -> int:
        """Return 0 before ``begin``, then the number of the last event."""
        return 0 if progress < self.begin else self.steps + 1

    def curve(self, share: float) -> float:
        """Return the final sparsity."""
        del share  # The first event is the last.
        return self.final


@dataclass(frozen=True, kw_only=True)
class Linear(Schedule):
    r"""Every event removes the same number of units.

    .. math:: s_k = s_i + (s_f - s_i) \frac{k}{N}
    """

    def curve(self, share: float) -> float:
        """Return the sparsity after a share of the events."""
        return self.initial + (self.final - self.initial) * share


@dataclass(frozen=True, kw_only=True)
class Cubic(Schedule):
    r"""Much at first, when units are redundant; little at last.

    .. math:: s_k = s_f + (s_i - s_f) \left(1 - \frac{k}{N}\right)^3

    References:
        Zhu & Gupta 2017, "To prune, or not to prune", equation 1.
    """

    def curve(self, share: float) -> float:
        """Return the sparsity after a share of the events."""
        return self.final + (self.initial - self.final) * (1.0 - share) ** 3


@dataclass(frozen=True, kw_only=True)
class Periodic(Schedule):
    r"""Every event removes the same share of what is left.

    .. math:: 1 - s_k = (1 - s_i) \left(\frac{1 - s_f}{1 - s_i}\right)^{k / N}

    References:
        Frankle & Carbin 2019, "The lottery ticket hypothesis", iterative pruning.
    """

    def curve(self, share: float) -> float:
        """Return the sparsity after a share of the events."""
        left = (1.0 - self.final) / (1.0 - self.initial)
        return 1.0 - (1.0 - self.initial) * math.pow(left, share)


SCHEDULES: dict[str, type[Schedule]] = {
    "one-shot": OneShot,
    "linear": Linear,
    "cubic": Cubic,
    "periodic": Periodic,
}
"""Schedules by the name that configurations use."""
