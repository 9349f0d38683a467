"""Remarks: what a callback that prunes says, each of it once per training."""

from __future__ import annotations

import warnings

from stable_baselines3.common.logger import Logger

from sb3_prune.exceptions import FewObservationsError


class Remarks:
    """Remembers what was said already.

    Attributes:
        waits: Whether a strategy waits for more observations.
    """

    def __init__(self) -> None:
        self.waits = False
        self._logged: set[str] = set()
        self._of_pieces = False

    def begin(self) -> None:
        """Forget what was said in the training before."""
        self.waits = False
        self._logged.clear()

    def log(self, logger: Logger, remark: str) -> None:
        """Log a remark."""
        if remark not in self._logged:
            self._logged.add(remark)
            logger.warn(remark)

    def wait(self, error: FewObservationsError) -> None:
        """Warn that pruning waits for more observations."""
        if not self.waits:
            warnings.warn(f"Pruning waits for more observations. {error}", stacklevel=2)
        self.waits = True

    def end(self) -> None:
        """Warn that something was due until the end, if that is so."""
        if self.waits:
            warnings.warn(
                "The training has ended before there were enough observations: what "
                "was due last was not pruned.",
                stacklevel=2,
            )

    def pieces(self, steps: int, progress: float) -> None:
        """Warn that a training seems to be in pieces, whose schedules are apart."""
        if self._of_pieces:
            return
        self._of_pieces = True
        warnings.warn(
            f"learn() goes on from step {steps}, so schedules of pruning begin at "
            f"{progress:.0%} and end with this call. If the training takes several "
            "calls, pass total_timesteps to PruningCallback: the steps of all calls. "
            "For a schedule of its own, let learn() reset the number of steps.",
            stacklevel=2,
        )
