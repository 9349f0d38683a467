"""(r) Do many short jobs keep all cores busy?

200 short trainings on two processes. The processor time of all our processes over the
wall-clock time is the number of cores that they kept busy. What other programs took of
the machine meanwhile is told, because nobody can use what they take.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.harness import Table
from sb3_prune.runs import Job, Workers, carry_out

COUNT, WORKERS = 200, 2
STEPS = 1_000
LEAST = 1.8
"""Least number of cores that must be busy, of two."""
STAT = Path("/proc/stat")
"""Where Linux counts the processor time of the whole machine."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """Processor time over a span of wall-clock time."""

    seconds: float
    """Length of the span."""
    ours: float
    """Cores that this process and its ended children kept busy."""
    others: float | None
    """Cores that all other processes kept busy; None where Linux does not tell."""


def train(folder: Path, seed: int, steps: int) -> dict[str, Any]:
    """Train a fresh stock agent for a moment."""
    import gymnasium as gym  # noqa: PLC0415  # Only workers need them.
    from stable_baselines3 import A2C  # noqa: PLC0415

    del folder
    model = A2C("MlpPolicy", gym.make("CartPole-v1"), seed=seed, device="cpu")
    model.learn(steps)
    return {"seed": seed, "steps": model.num_timesteps}


def measured(work: Callable[[], object]) -> Use:
    """Return the processor time that work takes; its processes must end in it."""
    began, ours, all_ = time.perf_counter(), _own(), _busy()
    work()
    seconds = time.perf_counter() - began
    spent, busy = _own() - ours, _busy()
    known = None if all_ is None or busy is None else busy - all_
    return Use(
        seconds=seconds,
        ours=spent / seconds,
        others=None if known is None else max(0.0, known - spent) / seconds,
    )


def _own() -> float:
    """Return the processor time of this process and its ended children, in seconds."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _busy() -> float | None:
    """Return the processor time of the whole machine, in seconds."""
    if not STAT.is_file():
        return None
    user, nice, system, _idle, _wait, irq, softirq, *_ = map(
        int, STAT.read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def run(count: int = COUNT, steps: int = STEPS) -> Table:
    """Carry out short trainings, and tell how many cores were busy."""
    jobs = [
        Job(name=f"seed={i}", function=train, arguments={"seed": i, "steps": steps})
        for i in range(count)
    ]

    def work() -> None:
        with TemporaryDirectory() as folder, Workers(WORKERS) as pool:
            carry_out(jobs, folder, executor=pool)

    before = os.getloadavg()[0]
    found = measured(work)
    others: float | str = "unknown"
    idle: float | str = "unknown"
    if found.others is not None:
        others = found.others
        idle = max(0.0, (os.cpu_count() or WORKERS) - found.ours - found.others)
    table = Table(
        f"(r) {count} trainings of A2C, {steps:,} steps each, on {WORKERS} processes",
        ["what", "measured"],
        [
            ["seconds in all, imports of the workers counted", found.seconds],
            ["seconds a training", found.seconds / count],
            ["cores that we kept busy", found.ours],
            ["cores that others kept busy meanwhile", others],
            ["cores that stood idle", idle],
            ["processes that wanted to run before it began (load)", before],
        ],
    )
    text = f"processor time over wall-clock is at least {LEAST} of {WORKERS} cores"
    table.claim(f"{text} (measured {found.ours:.2f})", found.ours >= LEAST)
    return table
