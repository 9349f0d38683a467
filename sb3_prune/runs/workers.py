"""Workers: processes that carry out one call at a time each."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import (
    BrokenExecutor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from functools import partial
from io import BytesIO
from pathlib import Path
from types import FunctionType, TracebackType
from typing import Any, ParamSpec, TypeVar

import torch

from sb3_prune.exceptions import JobError, WorkerDiedError, require_at_least

P = ParamSpec("P")
T = TypeVar("T")


class Workers(ThreadPoolExecutor):
    """An executor of processes; one that dies costs only the call it was doing.

    A plain ``ProcessPoolExecutor`` ends all of its processes when one of them dies.
    Here each process is a pool of its own, and a new one takes the place of one that
    died. Processes are started anew (spawn), so the calling script must guard its code
    by ``if __name__ == "__main__":``. They end when the process that started them ends.

    Use it in a ``with`` block. Leaving the block by an exception, Ctrl-C among them,
    kills the processes at once.

    Args:
        count: Number of processes.
        torch_threads: Threads of torch in each of them.

    Raises:
        ConfigError: A number is less than 1.
    """

    def __init__(self, count: int = 2, *, torch_threads: int = 1) -> None:
        require_at_least("count", count)
        require_at_least("torch_threads", torch_threads)
        super().__init__(count, thread_name_prefix="worker")
        self._torch_threads = torch_threads
        self._idle: deque[_Worker] = deque()
        self._all: set[_Worker] = set()
        self._killed = False

    def submit(
        self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Call a function in one of the processes.

        The future raises what the function raises, a ``WorkerDiedError`` if the process
        died, or a ``JobError`` if none could be started.

        Raises:
            JobError: A process could not find the function, or what it is called with.
        """
        call = partial(fn, *args, **kwargs)
        _check_findable(call)
        return super().submit(self._call, call)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes once their calls are done; see ``Executor.shutdown``."""
        super().shutdown(wait, cancel_futures=cancel_futures)
        if not wait:
            threading.Thread(target=self.shutdown).start()
            return
        while self._all:
            self._all.pop().pool.shutdown()

    def kill(self) -> None:
        """End the processes at once; their calls and all that wait fail."""
        super().shutdown(wait=False, cancel_futures=True)
        self._killed = True
        for worker in list(self._all):
            worker.process.kill()
        self.shutdown()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the processes, at once if the block raised an exception."""
        if kind is None:
            self.shutdown()
        else:
            self.kill()

    def _call(self, call: Callable[[], T]) -> T:
        try:
            worker = self._idle.popleft()
        except IndexError:
            worker = self._start()
        try:
            result = worker.pool.submit(call).result()
        except BrokenExecutor as error:
            self._all.discard(worker)
            raise WorkerDiedError(worker.death()) from error
        except BaseException:
            self._idle.append(worker)
            raise
        self._idle.append(worker)
        return result

    def _start(self) -> _Worker:
        worker = _Worker(self._torch_threads)
        self._all.add(worker)
        if self._killed:
            worker.process.kill()
        return worker


class _Worker:
    """One process, as a pool of its own."""

    def __init__(self, torch_threads: int) -> None:
        self.pool = ProcessPoolExecutor(
            1,
            multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(torch_threads,),
        )
        try:
            pid = self.pool.submit(os.getpid).result()
        except BrokenExecutor as error:
            raise JobError(
                "A worker process could not be started: its own message is above. "
                "Scripts must guard their code by if __name__ == '__main__'."
            ) from error
        children = multiprocessing.active_children()
        self.process = next(each for each in children if each.pid == pid)

    def death(self) -> str:
        """Say how the process ended."""
        self.pool.shutdown()
        code = self.process.exitcode
        if code is None or code >= 0:
            return f"Its process ended with exit code {code}."
        name = signal.Signals(-code).name
        memory = " (was there too little memory?)" if name == "SIGKILL" else ""
        return f"Its process was ended by {name}{memory}."


LOST = (
    "Worker processes cannot find what is defined in an interactive session, such as a "
    "notebook, or in __main__.py: put functions and classes into a module, a file that "
    "can be imported, and import them from there."
)


class _Finder(pickle.Pickler):
    """Pickles, but neither functions nor classes of the main module."""

    def reducer_override(self, obj: Any) -> Any:
        named = isinstance(obj, type | FunctionType)
        if named and obj.__module__ == "__main__":
            raise JobError(LOST)
        return NotImplemented


def _check_findable(call: Callable[[], object]) -> None:
    """Check that a new process finds what was defined in the main module.

    Spawned processes run the main module anew if it is a script or a module other than
    ``__main__.py``, and nothing otherwise.
    """
    main = sys.modules["__main__"]
    spec, path = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    name = "" if spec is None else spec.name.rpartition(".")[2]
    if spec is None and path is not None and not Path(path).is_file():
        raise JobError(LOST)  # As for stdin: no process could start.
    if name != "__main__" and (spec is not None or path is not None):
        return
    try:
        _Finder(BytesIO()).dump(call)
    except JobError:
        raise
    except Exception:  # The pool itself tells what cannot be pickled.
        return


def _begin(torch_threads: int) -> None:
    """Prepare a worker process."""
    # Ctrl-C reaches all processes of a terminal. The one that started us decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(torch_threads)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, killed perhaps."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
