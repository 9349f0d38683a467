"""ScreeningCallback: judge a run after its first steps, while ``learn()`` runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from sb3_prune.exceptions import (
    ScreeningError,
    require_finite,
    require_flag,
    require_verbosity,
)
from sb3_prune.screening.base import Screener, make_screener
from sb3_prune.screening.collecting import Collector
from sb3_prune.warning import warn


class ScreeningCallback(BaseCallback):
    """Measure an agent after a window of steps, and stop a run that fails.

    The window is the first steps of the call of ``learn()``. The training is not
    changed: a run that goes on is bit-equal to one without the callback. Every argument
    is a plain scalar, string or mapping, so YAML files of RL Zoo can build it.

    Logs ``screening/<name of the screener>``, and dumps the log if the run stops.

    Args:
        screener: Name of a screener, or an instance.
        config: Options of the screener, e.g. ``{"window": 100}``.
        threshold: What the value is compared with, see the option ``direction``; None
            only measures.
        verbose: 1 prints the value.
        details: Whether to keep the screener's further numbers, such as the entropy of
            every unit.

    Raises:
        UnknownNameError: No plug-in has a screener of that name.
        ScreeningError: In training: it does not see every step once, because it is
            inside another callback, such as ``EveryNTimesteps``, or given twice.
        ConfigError: An option does not exist or is out of range, or the threshold is no
            finite number.

    Attributes:
        value: The value; None until the window is complete.
        passed: Whether the run passed; None until then, and without a threshold.
        steps: Environment steps of the window as it was measured.
        details: The screener's further numbers; None if they are not kept.
    """

    def __init__(
        self,
        screener: str | Screener = "entropy",
        config: Mapping[str, Any] | None = None,
        threshold: float | None = None,
        verbose: int = 0,
        details: bool = False,
    ) -> None:
        super().__init__(verbose)
        require_verbosity(verbose)
        require_flag("details", details)
        require_threshold(threshold)
        self.screener = make_screener(screener, config)
        self.threshold = threshold
        self.value: float | None = None
        self.passed: bool | None = None
        self.steps = 0
        self.details: dict[str, Any] | None = {} if details else None
        self._collector: Collector

    def _on_training_start(self) -> None:
        self.value, self.passed, self.steps = None, None, 0
        if self.details is not None:
            self.details = {}
        self._collector = Collector(self.model)
        self._began = self.model.num_timesteps

    def _on_step(self) -> bool:
        if self.value is not None:
            return self.passed is not False
        self._collector.add(self.locals)
        self._require_every_step()
        if self._collector.steps >= self.screener.config.window:
            self._measure()
        return self.passed is not False

    def _require_every_step(self) -> None:
        seen, taken = self._collector.steps, self.num_timesteps - self._began
        if seen != taken:
            raise ScreeningError(
                f"'{self.screener.name}' was shown {seen} steps of {taken}: give "
                "ScreeningCallback to learn() once, itself or in a list, and not "
                "inside a callback that calls it now and then."
            )

    def _measure(self) -> None:
        window = self._collector.window()
        self.value = self.screener.value(window)
        self.steps = self._collector.steps
        if self.details is not None:
            self.details = dict(self.screener.details(window))
        self._collector = Collector(self.model)  # Its steps are not needed any more.
        self.logger.record(f"screening/{self.screener.name}", self.value)
        if self.threshold is not None:
            self.passed = self.screener.passes(self.value, self.threshold)
        if self.verbose:
            verdict = {True: ": passed", False: ": failed", None: ""}[self.passed]
            print(f"{self.screener.name} {self.value:.4g}{verdict}")
        if self.passed is False:
            self.logger.dump(self.num_timesteps)

    def _on_training_end(self) -> None:
        if self.value is None:
            warn(
                f"'{self.screener.name}' measured nothing: the training ended after "
                f"{self._collector.steps} steps, the window has "
                f"{self.screener.config.window}."
            )


def require_threshold(threshold: float | None) -> None:
    """Check that a threshold is a finite number, or None.

    Raises:
        ConfigError: It is neither.
    """
    if threshold is not None:
        require_finite("threshold", threshold, None)
