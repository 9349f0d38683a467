"""Outcomes: what trainings came to that all ran to their end, for the statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_prune.exceptions import ConfigError

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """Trainings that differ by their seed, none of which was given up.

    All arrays have shape ``(runs,)``.

    Raises:
        ConfigError: A shape is another, a seed is there twice, a value is NaN or
            infinite, or iterations are not positive.
    """

    seeds: NDArray[np.int64]
    """Seed of each run."""
    values: Numbers
    """What the screener measured, such as an entropy in nats."""
    iterations: Numbers
    """Iterations until success; of an unsuccessful run, all that it had."""
    successes: NDArray[np.bool_]
    """Whether the run succeeded."""

    def __post_init__(self) -> None:
        shapes = {name: getattr(self, name).shape for name in self.__annotations__}
        if set(shapes.values()) != {(len(self.seeds),)} or not len(self.seeds):
            raise ConfigError(f"Outcomes need arrays of one length, got {shapes}.")
        if self.successes.dtype != np.bool_:
            raise ConfigError(
                f"successes must be booleans, got {self.successes.dtype}."
            )
        found, count = np.unique(self.seeds, return_counts=True)
        if (count > 1).any():
            raise ConfigError(f"Seeds are there twice: {found[count > 1].tolist()}.")
        for name in ("values", "iterations"):
            bad = ~np.isfinite(getattr(self, name))
            if bad.any():
                raise ConfigError(
                    f"{name} must be finite; those of seeds "
                    f"{self.seeds[bad].tolist()} are not."
                )
        if (self.iterations <= 0).any():
            seeds = self.seeds[self.iterations <= 0].tolist()
            raise ConfigError(f"Runs of seeds {seeds} have no iterations.")

    def __len__(self) -> int:
        return len(self.seeds)

    @classmethod
    def of(
        cls,
        rows: Iterable[Mapping[str, Any]],
        *,
        value: str = "value",
        success: str = "solved",
        solved_at: str = "steps_to_solve",
        spent: str = "steps",
    ) -> Outcomes:
        """Return the outcomes in the rows of a table, such as those of ``screen()``.

        Args:
            rows: The rows; columns ``seed``, those below, and perhaps ``passed``.
            value: Column of the screener's value.
            success: Column that tells whether the run succeeded.
            solved_at: Column of the iterations until success.
            spent: Column of all iterations of the run.

        Raises:
            ConfigError: A column is missing, a flag is none, or a run was given up:
                what it would have come to is not known.
        """
        listed = list(rows)
        for row in listed:
            if missing := {"seed", value, success, solved_at, spent} - set(row):
                raise ConfigError(
                    f"A row has no column {sorted(missing)}; it has {sorted(row)}."
                )
            _require_flags(row, success)
        given_up = [
            row["seed"] for row in listed if row.get("passed") not in (None, True)
        ]
        if given_up:
            raise ConfigError(
                f"The runs of {len(given_up)} seeds were given up, such as "
                f"{given_up[:5]}: screen without a threshold for the statistics."
            )
        spans = [row[solved_at] if row[success] else row[spent] for row in listed]
        return cls(
            seeds=np.array([row["seed"] for row in listed], np.int64),
            values=np.array([row[value] for row in listed], np.float64),
            iterations=np.array(spans, np.float64),
            successes=np.array([row[success] for row in listed], np.bool_),
        )

    def within(self, limit: float) -> Outcomes:
        """Return the outcomes had every run been ended at ``limit`` iterations.

        Raises:
            ConfigError: An unsuccessful run had fewer iterations: nobody knows whether
                it would have succeeded.
        """
        short = ~self.successes & (self.iterations < limit)
        if short.any():
            raise ConfigError(
                f"Runs were ended before {limit:g} iterations without success, those "
                f"of {int(short.sum())} seeds, such as {self.seeds[short][:5].tolist()}"
                f", after {self.iterations[short].min():g}: train for longer."
            )
        return replace(
            self,
            successes=self.successes & (self.iterations <= limit),
            iterations=np.minimum(self.iterations, limit),
        )

    def early(self, window: float) -> NDArray[np.bool_]:
        """Tell which runs had succeeded when they would have been judged."""
        return np.asarray(self.successes & (self.iterations <= window))

    def kept(self, threshold: float, above: bool = True) -> NDArray[np.bool_]:
        """Tell which runs a threshold keeps: values >= it, or else those below.

        Raises:
            ConfigError: The threshold is NaN.
        """
        require_thresholds(threshold)
        values = self.values.astype(np.float64)  # 1.3 of float32 is less than 1.3.
        return np.asarray((values >= threshold) == above)


def require_thresholds(thresholds: float | Numbers) -> None:
    """Check that values can be compared with thresholds.

    Raises:
        ConfigError: One is NaN, which neither keeps a run nor gives one up.
    """
    if np.isnan(thresholds).any():
        raise ConfigError("threshold must be a number, got NaN.")


def _require_flags(row: Mapping[str, Any], success: str) -> None:
    """Check that flags are none of the texts that other readers of CSV make of them.

    Raises:
        ConfigError: One is no boolean, 0 or 1; ``passed`` may also be None.
    """
    for name, allowed in ((success, (False, True)), ("passed", (False, True, None))):
        if (value := row.get(name)) not in allowed:
            raise ConfigError(
                f"{name} of seed {row['seed']} must be true or false, got {value!r}: "
                "read tables by sb3_prune.runs.read_table."
            )
