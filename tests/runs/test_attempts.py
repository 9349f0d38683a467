"""Tests for runs/attempts.py: who is tried again, who is blamed, without processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from threading import Lock, Timer
from typing import Any

import pytest
from distributed import KilledWorker

from runs.working import job
from sb3_prune.exceptions import WorkerDiedError
from sb3_prune.runs import Job
from sb3_prune.runs.attempts import Answer, Attempts, deaths_of


class Fragile(Executor):
    """Carries out two calls at once, soon; some end the worker that does them.

    Args:
        fatal: Names of the calls that do, and how often.
        accuse: Makes the error of what a death costs; None breaks the executor.
        exact: Whether only the fatal call is accused, not the one beside it.
    """

    def __init__(
        self,
        fatal: Counter[str],
        accuse: Callable[[], Exception] | None = None,
        exact: bool = False,
    ) -> None:
        self.fatal, self.accuse, self.exact = fatal, accuse, exact
        self.waiting: list[tuple[str, Future[Answer]]] = []
        self.begun: list[str] = []
        self.broken = self.closed = False
        self._lock = Lock()

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        with self._lock:
            if self.broken:
                raise BrokenExecutor("broken")
            if not self.waiting:
                Timer(0.05, self.work).start()  # Others come in the meantime.
            self.waiting.append((fn, Future()))
            return self.waiting[-1][1]

    def work(self) -> None:
        with self._lock:
            while self.waiting and not self.broken:
                self.two()

    def two(self) -> None:
        two, self.waiting = self.waiting[:2], self.waiting[2:]
        self.begun += [name for name, _ in two]
        dying = [name for name, _ in two if self.fatal[name] > 0]
        self.fatal.subtract(dying)
        self.broken = bool(dying) and self.accuse is None
        for name, future in two + (self.waiting if self.broken else []):
            if self.broken:
                future.set_exception(BrokenExecutor("broken"))
            elif self.accuse and dying and (name in dying or not self.exact):
                future.set_exception(self.accuse())
            else:
                future.set_result((name, ""))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.closed = True


class Patient(Fragile):
    """Begins nothing."""

    def two(self) -> None:
        self.waiting.clear()


def submit(executor: Executor, asked: Job) -> Future[Answer]:
    try:
        return executor.submit(asked.name)  # type: ignore[arg-type]
    except BrokenExecutor as error:
        failed: Future[Answer] = Future()
        failed.set_exception(error)
        return failed


def carried_out(names: str, source: Any, made: list[Fragile], most: int = 2) -> Any:
    """Return the names of the jobs that were done, and errors of the others."""

    def begun(asked: Job) -> bool:
        return any(asked.name in each.begun for each in made)

    attempts = Attempts(source, submit, begun, most)
    done, failed = [], {}
    for ended, future in attempts.ended(job(name) for name in names):
        error = future.exception()
        if error is None:
            done.append(future.result()[0])
        else:
            failed[ended.name] = type(error)
    assert not attempts.open
    attempts.close()
    return sorted(done), failed


def killed() -> KilledWorker:
    return KilledWorker("key", None, 3)  # type: ignore[arg-type]


NAMES = "abcdefghi"


@pytest.mark.parametrize("fatal", ["a", "d", "i", "ab", "adi", NAMES])
def test_who_kills_every_worker_is_given_up_and_nobody_else(fatal: str) -> None:
    others = sorted(set(NAMES) - set(fatal))
    always = dict.fromkeys(fatal, 99)
    made: list[Fragile] = []

    def pool() -> Fragile:
        made.append(Fragile(Counter(always)))
        return made[-1]

    found = carried_out(NAMES, pool, made)
    assert found == (others, dict.fromkeys(fatal, BrokenExecutor))
    assert all(each.closed for each in made)
    for accuse, exact in ((killed, False), (lambda: WorkerDiedError("x"), True)):
        one = Fragile(Counter(always), accuse, exact)
        found = carried_out(NAMES, one, [one])
        assert found == (others, dict.fromkeys(fatal, type(accuse())))
        assert not one.closed  # It is the caller's.


@pytest.mark.parametrize(("deaths", "most"), [(1, 2), (2, 3)])
def test_who_recovers_in_time_is_done(deaths: int, most: int) -> None:
    fatal, made = Counter(dict.fromkeys("beh", deaths)), []

    def pool() -> Fragile:
        made.append(Fragile(fatal))  # Pools share how often each has died.
        return made[-1]

    assert carried_out(NAMES, pool, made, most) == (list(NAMES), {})
    one = Fragile(Counter(b=deaths), lambda: WorkerDiedError("x"), exact=True)
    assert carried_out(NAMES, one, [one], most) == (list(NAMES), {})
    assert Counter(one.begun)["b"] == deaths + 1
    assert Counter(one.begun)["a"] == 1


def test_a_pool_that_never_lives_is_given_up() -> None:
    made: list[Fragile] = []

    def pool() -> Fragile:
        made.append(Fragile(Counter()))
        made[-1].broken = True
        return made[-1]

    found = carried_out("abc", pool, made)
    assert found == ([], dict.fromkeys("abc", BrokenExecutor))
    assert len(made) <= 5


def test_a_pool_of_the_callers_is_not_built_anew() -> None:
    one = Fragile(Counter(c=99))
    done, failed = carried_out("abcd", one, [one])
    assert (done, sorted(failed)) == (["a", "b"], ["c", "d"])


def test_what_is_cancelled_or_fails_is_not_tried_again() -> None:
    one = Fragile(Counter(a=99), lambda: OSError("x"), exact=True)
    assert carried_out("ab", one, [one]) == (["b"], {"a": OSError})
    attempts = Attempts(Patient(Counter()), submit, lambda _: True, 2)
    Timer(0.01, lambda: [each.cancel() for each in attempts.open]).start()
    ((ended, cancelled),) = attempts.ended([job("a")])
    assert ended.name == "a"
    with pytest.raises(CancelledError):
        cancelled.result()


def test_a_scheduler_says_how_many_have_died() -> None:
    assert deaths_of(killed()) == 4
    assert deaths_of(WorkerDiedError("x")) == deaths_of(BrokenExecutor()) == 1
    assert deaths_of(OSError()) == deaths_of(None) == 0
