"""Cluster: the workers of a Dask scheduler, as an executor."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from sb3_prune.exceptions import ConfigError, JobError, MissingExtraError


@contextmanager
def on_cluster(scheduler: str, *, timeout: float = 30.0) -> Iterator[Executor]:
    """Yield an executor whose calls the workers of a running Dask cluster carry out.

    Dask's scheduler gives what a dead worker was doing to another one. The workers
    should have one thread each (``dask worker tcp://... --nthreads 1``): then each
    does one job at a time, and with one thread of torch if ``OMP_NUM_THREADS`` is 1.
    Leaving the block disconnects; jobs that wait are then not begun.

    Args:
        scheduler: Address of the scheduler, such as ``tcp://10.0.0.1:8786``.
        timeout: Seconds to wait for the scheduler's answer.

    Raises:
        ConfigError: The address cannot be one of a scheduler.
        JobError: No scheduler answers there.
        MissingExtraError: The extra ``distributed`` is not installed.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        extra = MissingExtraError("A cluster", "distributed", "distributed")
        raise extra from error
    if not isinstance(scheduler, str) or "://" not in scheduler:
        raise ConfigError(
            "The address of a scheduler must be like tcp://10.0.0.1:8786, got "
            f"{scheduler!r}."
        )
    try:
        client = distributed.Client(scheduler, timeout=timeout, set_as_default=False)
    except (OSError, ValueError) as error:
        raise JobError(
            f"No Dask scheduler answers at {scheduler} within {timeout:g} s: {error}."
        ) from error
    with client:
        # By default, equal calls are one: two runners would get the first one's answer.
        yield client.get_executor(pure=False)
