r"""Schedules: which share of the units is removed at each moment of training.

Time t is the share of training done, in [0, 1]. A schedule is a staircase from
:math:`t_0` (``begin``) to :math:`t_1` (``end``): event k = 0, ..., N happens at
:math:`t_0 + k (t_1 - t_0) / N` and raises the sparsity to :math:`s_k`. Between two
events the agent can adapt to the units that are left.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from sb3_prune.exceptions import ConfigError, require_at_least


@dataclass(frozen=True, kw_only=True)
class Schedule(ABC):
    """Sparsity, the share of initial hidden units that are removed, over training.

    Raises:
        ConfigError: A value is outside its range.
    """

    initial: float = 0.0
    """Sparsity at ``begin``, s_i, in [0, final]."""
    final: float = 0.8
    """Sparsity from ``end`` on, s_f, in [initial, 1)."""
    begin: float = 0.2
    """Share of training before which no unit is removed, t_0, in [0, end]."""
    end: float = 0.8
    """Share of training at which the final sparsity is reached, t_1, in [begin, 1]."""
    steps: int = 20
    """Number N of pruning events after the one at ``begin``, at least 1."""

    def __post_init__(self) -> None:
        if not 0 <= self.initial < 1:
            raise ConfigError(
                f"initial sparsity must be in [0, 1), got {self.initial}."
            )
        if not self.initial <= self.final < 1:
            raise ConfigError(
                f"final sparsity must be in [{self.initial}, 1), at least the initial "
                f"sparsity and less than 1; got {self.final}."
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
        require_at_least("steps", self.steps)

    def event(self, progress: float) -> int:
        """Return the number of events so far: 0 before ``begin``, k + 1 after event k.

        Args:
            progress: Share of training done, in [0, 1].
        """
        if progress < self.begin:
            return 0
        if progress >= self.end:
            return self.steps + 1
        done = (progress - self.begin) / (self.end - self.begin)
        return 1 + int(done * self.steps + 1e-9)  # 1e-9: rounding just before an event

    def sparsity(self, progress: float) -> float:
        """Return the share of the initial units that are removed by now.

        Args:
            progress: Share of training done, in [0, 1].

        Returns:
            A sparsity in [initial, final] that never falls as training goes on.
        """
        k = self.event(progress) - 1
        if k <= 0:
            return self.initial
        if k >= self.steps:
            return self.final
        return min(max(self.curve(k / self.steps), self.initial), self.final)

    @abstractmethod
    def curve(self, share: float) -> float:
        """Return the sparsity s_k after a share k / N of the events, in (0, 1)."""


@dataclass(frozen=True, kw_only=True)
class OneShot(Schedule):
    r"""Remove all units at ``begin``; ``end`` and ``steps`` have no effect.

    .. math:: s(t) = s_f \text{ from } t_0
    """

    def event(self, progress: float) -> int:
        """Return 0 before ``begin``, and the number of the last event from then on."""
        return 0 if progress < self.begin else self.steps + 1

    def curve(self, share: float) -> float:
        """Return the final sparsity."""
        del share  # The first event is the last one.
        return self.final


@dataclass(frozen=True, kw_only=True)
class Linear(Schedule):
    r"""Remove the same number of units at every event.

    .. math:: s_k = s_i + (s_f - s_i) \frac{k}{N}
    """

    def curve(self, share: float) -> float:
        """Return the sparsity after a share of the events."""
        return self.initial + (self.final - self.initial) * share


@dataclass(frozen=True, kw_only=True)
class Cubic(Schedule):
    r"""Remove many units at first, while many are redundant, and few at the end.

    .. math:: s_k = s_f + (s_i - s_f) \left(1 - \frac{k}{N}\right)^3

    References:
        Zhu & Gupta 2017, "To prune, or not to prune", equation 1.
    """

    def curve(self, share: float) -> float:
        """Return the sparsity after a share of the events."""
        return self.final + (self.initial - self.final) * (1.0 - share) ** 3


@dataclass(frozen=True, kw_only=True)
class Periodic(Schedule):
    r"""Remove the same share of the remaining units at every event.

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
"""Schedules by the name that configurations use for them."""
