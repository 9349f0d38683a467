"""Tests for callbacks/counts.py; whole trainings are logged in test_pruning.py."""

from __future__ import annotations

import zoo
from stable_baselines3.common.logger import KVWriter, Logger

from sb3_prune.callbacks.counts import UNITS, Counts
from sb3_prune.pruning import look_at


class Rows(KVWriter):
    """Keeps what is dumped."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, object]]] = []

    def write(self, key_values, key_excluded, step=0) -> None:  # type: ignore[no-untyped-def]
        self.rows.append((step, dict(key_values)))

    def close(self) -> None:
        """There is nothing to close."""


def taken() -> Counts:
    model, counts = zoo.make_model("PPO"), Counts()
    units = counts.take(model, look_at(model, progress=0.0))
    assert sum(units.values()) == 2 * sum(zoo.ARCH)
    return counts


def test_counts_outlive_a_dump() -> None:
    counts, rows = taken(), Rows()
    logger = Logger(None, [rows])
    for step in (1, 2):
        counts.record(logger)
        logger.dump(step)
    assert [row[UNITS] for _, row in rows.rows] == [2 * sum(zoo.ARCH)] * 2


def test_only_what_nobody_has_dumped_is_dumped_at_the_end() -> None:
    counts, rows = taken(), Rows()
    counts.dump(Logger(None, [rows]), 7)
    assert [step for step, _ in rows.rows] == [7]
    for settled in (taken(), taken()):
        settled.can_wait()
        settled.dump(Logger(None, [rows]), 8)
    assert len(rows.rows) == 1


def test_what_was_fitted_is_logged_along() -> None:
    counts, logger = taken(), Logger(None, [])
    counts.fitted = {"prune/kl": 0.5}
    counts.record(logger)
    assert logger.name_to_value["prune/kl"] == 0.5
