"""Attempts: jobs whose worker dies are tried again, and only the guilty given up."""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from sb3_prune.exceptions import WorkerDiedError
from sb3_prune.runs.jobs import Job

Answer = tuple[str, str]
"""Text of a result's file, and what went wrong; one of them is empty."""
Submit = Callable[[Executor, Job], "Future[Answer]"]


@dataclass(frozen=True, kw_only=True)
class _Try:
    job: Job
    executor: Executor
    alone: bool


class Attempts:
    """Submits jobs, and yields each with its future when it has ended for good.

    Who is to blame for a death depends on what the executor tells. ``Workers`` names
    the one job that its process was doing. A pool breaks as a whole, and a scheduler
    of a cluster accuses all that the dead worker held. Such suspects are tried again at
    the end, one at a time, so that what dies then has done it itself.

    Args:
        executor: The executor, or a function that makes one and makes another when that
            one is broken. Executors that are made here are shut down by :meth:`close`.
        submit: Submits a job to an executor.
        begun: Tells whether a job had been begun when its executor broke.
        most: How often a job may end its worker before it is given up.

    Attributes:
        open: Jobs that were submitted and have not been dealt with, by their futures.
    """

    def __init__(
        self,
        executor: Executor | Callable[[], Executor],
        submit: Submit,
        begun: Callable[[Job], bool],
        most: int,
    ) -> None:
        self._make = None if isinstance(executor, Executor) else executor
        self._executor = executor if isinstance(executor, Executor) else executor()
        self._submit, self._begun, self._most = submit, begun, most
        self.open: dict[Future[Answer], _Try] = {}
        self._done: SimpleQueue[Future[Answer]] = SimpleQueue()
        self._suspects: deque[Job] = deque()
        self._deaths: Counter[str] = Counter()
        self._fruitless = 0  # Breaks in a row in which no job had been begun.

    def ended(self, jobs: Iterable[Job]) -> Generator[tuple[Job, Future[Answer]]]:
        """Carry out the jobs; yield each once."""
        for job in jobs:
            self._try(job)
        while self.open or self._suspects:
            if not self.open:
                self._try(self._suspects.popleft(), alone=True)
            future = self._done.get()
            tried = self.open[future]
            if not self._again(tried, future):
                yield tried.job, future
            del self.open[future]  # Only now: an interruption loses no result.

    def close(self, error: BaseException | None = None) -> None:
        """Shut down the executor if it was made here, at once after an error."""
        if self._make is not None:
            self._executor.__exit__(type(error) if error else None, error, None)

    def _try(self, job: Job, alone: bool = False) -> None:
        future = self._submit(self._executor, job)
        self.open[future] = _Try(job=job, executor=self._executor, alone=alone)
        future.add_done_callback(self._done.put)

    def _again(self, tried: _Try, future: Future[Answer]) -> bool:
        """Arrange another attempt, if the job has lost its worker and may have one."""
        error = None if future.cancelled() else future.exception()
        deaths = deaths_of(error)
        if not deaths:
            self._fruitless = 0
            return False
        if isinstance(error, BrokenExecutor):
            if self._make is None:
                return False
            self._renew(tried.executor)
            if not tried.alone and not self._begun(tried.job):
                return self._waits_again(tried.job)
            self._fruitless = 0
        known = tried.alone or isinstance(error, WorkerDiedError)
        self._deaths[tried.job.name] += deaths if known else 0
        if self._deaths[tried.job.name] >= self._most:
            return False
        if isinstance(error, WorkerDiedError):
            self._try(tried.job)
        else:
            self._suspects.append(tried.job)
        return True

    def _waits_again(self, job: Job) -> bool:
        """Submit a job that was only waiting when the pool broke."""
        if self._fruitless > self._most:
            return False  # No pool comes to life.
        self._try(job)
        return True

    def _renew(self, broken: Executor) -> None:
        """Make a new executor, once for all jobs that the broken one held."""
        if broken is self._executor and self._make is not None:
            broken.shutdown(wait=False)
            self._executor = self._make()
            self._fruitless += 1


def deaths_of(error: BaseException | None) -> int:
    """Return how many workers have died, as an error of an executor tells; 0: none."""
    if isinstance(error, (BrokenExecutor, WorkerDiedError)):
        return 1
    distributed: Any = sys.modules.get("distributed")
    if distributed is not None and isinstance(error, distributed.KilledWorker):
        return int(error.allowed_failures) + 1
    return 0
