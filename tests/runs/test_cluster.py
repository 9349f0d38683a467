"""Tests for runs/cluster.py, on a real Dask cluster of processes on this machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from runs.test_workers import wait_for
from runs.working import die, job, nap
from sb3_prune.exceptions import (
    ConfigError,
    JobError,
    JobsFailedError,
    MissingExtraError,
)
from sb3_prune.runs import carry_out, on_cluster, read_table

Process = subprocess.Popen[str]


def start(*arguments: str) -> Process:
    tests = str(Path(__file__).parents[1])
    path = os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])
    module = f"distributed.cli.dask_{arguments[0]}"
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", module, *arguments[1:]],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    """Processes that are ended after the test, however it ends."""
    found: list[Process] = []
    yield found
    for process in reversed(found):
        process.kill()
        process.communicate()


@pytest.fixture
def scheduler(processes: list[Process]) -> str:
    """Return the address of a scheduler with a port that was free."""
    local = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    processes.append(start("scheduler", *local))
    stderr = processes[0].stderr
    assert stderr is not None
    for line in stderr:
        if found := re.search(r"tcp://127\.0\.0\.1:\d+", line):
            Thread(target=stderr.read, daemon=True).start()  # Or its pipe fills up.
            return found[0]
    raise AssertionError("The scheduler has ended.")


def start_worker(scheduler: str, *more: str) -> Process:
    options = ("--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")
    made = start("worker", scheduler, *options, *more)
    assert made.stderr is not None
    Thread(target=made.stderr.read, daemon=True).start()
    return made


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*different versions:UserWarning")
def test_a_cluster_gives_the_table_of_the_processes(
    tmp_path: Path, scheduler: str, processes: list[Process]
) -> None:
    """Also when one of its workers is killed while it works."""
    processes += [start_worker(scheduler, "--no-nanny") for _ in range(2)]
    jobs = [job(f"seed={seed}", nap, seed=seed) for seed in range(40)]
    tables = [tmp_path / "cluster.parquet", tmp_path / "processes.parquet"]
    finished: list[str] = []

    def kill_one(made: object, result: object) -> None:
        finished.append(str(made))
        if len(finished) == 10:
            processes[1].send_signal(signal.SIGKILL)

    with on_cluster(scheduler) as executor:
        there = carry_out(
            jobs,
            tmp_path / "there",
            executor=executor,
            table=tables[0],
            on_result=kill_one,
        )
    assert processes[1].wait() == -signal.SIGKILL
    assert len(finished) == 40
    here = carry_out(jobs, tmp_path / "here", table=tables[1])
    assert there == here
    assert read_table(tables[0]) == read_table(tables[1])
    assert [row["seed"] for row in read_table(tables[0])] == list(range(40))
    assert carry_out(jobs, tmp_path / "there") == there  # Resumed anywhere.


@pytest.mark.slow
def test_who_kills_workers_is_given_up_by_name(
    tmp_path: Path, scheduler: str, processes: list[Process]
) -> None:
    """Workers with a nanny come back; those that shared them with it do not pay."""
    processes += [start_worker(scheduler, "--nanny") for _ in range(2)]
    jobs = [job("bad", die, how="exit")]
    jobs += [job(f"seed={seed}", nap, seed=seed) for seed in range(8)]
    with (
        on_cluster(scheduler) as executor,
        pytest.raises(JobsFailedError, match="'bad': KilledWorker") as found,
    ):
        carry_out(jobs, tmp_path, executor=executor)
    assert list(found.value.failures) == ["bad"]
    assert wait_for(lambda: len(list(tmp_path.glob("*.json"))) == 8)


def test_addresses_and_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("10.0.0.1:8786", "", 3):
        with pytest.raises(ConfigError, match="must be like tcp"), on_cluster(wrong):  # type: ignore[arg-type]
            pass
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(MissingExtraError, match=r"'sb3-prune\[distributed\]'"),
        on_cluster("tcp://127.0.0.1:1"),
    ):
        pass


@pytest.mark.slow
def test_nobody_there() -> None:
    with (
        pytest.raises(
            JobError, match=r"No Dask scheduler answers at tcp://127.0.0.1:1"
        ),
        on_cluster("tcp://127.0.0.1:1", timeout=1),
    ):
        pass
