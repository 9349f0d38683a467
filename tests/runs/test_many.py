"""Tests for runs/many.py: jobs are carried out once, side by side, come what may."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import (
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from runs.test_workers import gone, wait_for
from runs.working import Interrupted, die, give, job, resume, sleep, threads
from sb3_prune.exceptions import ConfigError, JobError, JobsFailedError, RunFolderError
from sb3_prune.runs import Job, carry_out, many, read_table
from sb3_prune.runs.jobs import text_of


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def files(folder: Path) -> list[str]:
    found = (p for p in folder.rglob("*") if not p.name.endswith(".calls"))
    return sorted(str(p.relative_to(folder)) for p in found)


def test_a_job_is_carried_out_once(tmp_path: Path, pool: Executor) -> None:
    jobs = [job(f"x/{number}", number=number) for number in (3, 1, 2)]
    first = carry_out(jobs, tmp_path, executor=pool)
    assert list(first) == ["x/3", "x/1", "x/2"]
    assert [each["number"] for each in first.values()] == [3, 1, 2]
    assert carry_out(iter(jobs), tmp_path, executor=pool) == first
    more = carry_out([job("x/4", number=4), *jobs], tmp_path, executor=pool)
    assert {each["calls"] for each in more.values()} == {1}
    assert files(tmp_path) == ["x", *(f"x/{number}.json" for number in (1, 2, 3, 4))]
    assert carry_out([], tmp_path) == {}


def test_the_first_time_gives_what_the_next_time_gives(
    tmp_path: Path, pool: Executor
) -> None:
    made = [job("a", give, result={"x": (1, 2), 3: 0.1, "y": None})]
    first = carry_out(made, tmp_path, executor=pool)
    assert first == {"a": {"x": [1, 2], "3": 0.1, "y": None}}
    assert carry_out(made, tmp_path) == first


def test_new_results_are_told_when_they_are_saved(
    tmp_path: Path, pool: Executor
) -> None:
    jobs, told = [job("a"), job("b")], {}
    carry_out(jobs[:1], tmp_path, executor=pool)

    def tell(made: Job, result: dict[str, Any]) -> None:
        assert (tmp_path / f"{made.name}.json").is_file()
        told[made.name] = result

    carry_out(jobs, tmp_path, executor=pool, on_result=tell)
    assert told == {"b": {"number": 0, "calls": 1}}


def test_two_jobs_of_one_name_are_refused(tmp_path: Path, pool: Executor) -> None:
    with pytest.raises(ConfigError, match=r"a name of its own; twice: \['a'\]"):
        carry_out([job("a"), job("b"), job("a", number=1)], tmp_path, executor=pool)
    assert files(tmp_path) == []


def test_nothing_is_begun_if_a_result_is_of_other_settings(
    tmp_path: Path, pool: Executor
) -> None:
    carry_out([job("a", number=1)], tmp_path, executor=pool)
    with pytest.raises(JobError, match="number is 1 there, 2 here"):
        carry_out([job("b"), job("a", number=2)], tmp_path, executor=pool)
    assert files(tmp_path) == ["a.json"]


def test_what_fails_is_named_at_the_end(
    tmp_path: Path, pool: Executor, capfd: pytest.CaptureFixture[str]
) -> None:
    jobs = [job("odd", die, how="odd"), job("stop", die, how="sys.exit"), job("good")]
    with pytest.raises(JobsFailedError) as found:
        carry_out(jobs, tmp_path, executor=pool)
    said = str(found.value)
    assert "2 of 3 jobs failed" in said and "'stop': SystemExit: 3" in said
    assert "\n  'odd': sb3_prune.exceptions.UnknownNameError: Unknown thing" in said
    assert list(found.value.results) == ["good"]
    assert "in die" in found.value.failures["odd"]
    assert "odd: sb3_prune.exceptions.UnknownNameError" in capfd.readouterr().err
    assert (tmp_path / "odd.unfinished/half.txt").is_file()
    assert carry_out([job("good")], tmp_path)["good"]["calls"] == 1


def test_a_long_list_of_failures_is_cut(tmp_path: Path, pool: Executor) -> None:
    jobs = [job(f"{i}", give, result=3) for i in range(25)]
    with pytest.raises(JobsFailedError, match="and 5 more, see failures") as found:
        carry_out(jobs, tmp_path, executor=pool)
    assert len(found.value.failures) == 25


def test_checkpoints_of_other_settings_are_not_gone_on_from(
    tmp_path: Path, pool: Executor
) -> None:
    with pytest.raises(JobsFailedError):
        carry_out([job("a", die, how="odd")], tmp_path, executor=pool)
    with pytest.raises(JobError, match=r"a.unfinished' is of other settings: how"):
        carry_out([job("a", die, how="exit")], tmp_path)


def test_folders_of_finished_jobs_are_cleared_away(
    tmp_path: Path, pool: Executor
) -> None:
    """Its caller may be killed when a result is saved, and its folder still there."""
    carry_out([job("a"), job("b")], tmp_path, executor=pool)
    for name in ("a", "other"):
        (tmp_path / f"{name}.unfinished").mkdir()
    carry_out([job("a"), job("b")], tmp_path)
    assert files(tmp_path) == ["a.json", "b.json", "other.unfinished"]


def test_what_another_call_has_ended_meanwhile_is_taken(tmp_path: Path) -> None:
    jobs = [job("slow", sleep, seconds=1.0), job("x")]
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        waiting = one.submit(carry_out, jobs, tmp_path, executor=other)
        wait_for((tmp_path / "slow.unfinished" / "pid").exists)
        with ThreadPoolExecutor(1) as free:
            found = carry_out(jobs[1:], tmp_path, executor=free)
        assert not waiting.done()
        assert waiting.result()["x"] == found["x"] == {"number": 0, "calls": 1}
    assert files(tmp_path) == ["slow.json", "x.json"]


def test_a_result_that_is_not_saved_yet_is_taken(tmp_path: Path) -> None:
    made = job("x", number=4)
    folder = tmp_path / "x.unfinished"
    first = many._attempt(made, tmp_path, folder)
    assert many._attempt(made, tmp_path, folder) == first
    assert not (tmp_path / "x.json").exists()
    with ThreadPoolExecutor(1) as pool:
        found = carry_out([made], tmp_path, executor=pool)
    assert found == {"x": {"number": 4, "calls": 1}}
    assert files(tmp_path) == ["x.json"]


def test_who_comes_too_late_changes_nothing(tmp_path: Path) -> None:
    made = job("x")
    (path := tmp_path / "x.json").write_text(text_of(made, {"number": 8}))
    late, failed = Future[Any](), Future[Any]()
    late.set_result((text_of(made, {"number": 9}), ""))
    failed.set_exception(OSError("gone"))
    for each in (late, failed):
        assert many._save(each, made, tmp_path, tmp_path) == (path.read_text(), "")
    assert '"number": 8' in path.read_text()


def test_work_may_be_elsewhere(tmp_path: Path, pool: Executor) -> None:
    jobs, work = [job("x/a"), job("x/b", die, how="odd")], tmp_path / "work"
    with pytest.raises(JobsFailedError):
        carry_out(jobs, tmp_path / "results", work=work, executor=pool)
    assert files(tmp_path / "results") == ["x", "x/a.json"]
    assert files(work) == [
        "x",
        "x/b.unfinished",
        "x/b.unfinished/half.txt",
        "x/b.unfinished/lock",
        "x/b.unfinished/settings.json",
    ]


class Loose(Executor):
    """An executor that has submit and its futures, and nothing else."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def test_any_executor_will_do(tmp_path: Path) -> None:
    assert carry_out([job("a")], tmp_path, executor=Loose())["a"]["calls"] == 1


@pytest.mark.slow
def test_an_executor_that_breaks_fails_its_jobs_by_name(tmp_path: Path) -> None:
    jobs = [job("good"), job("bad", die, how="exit")]
    with ProcessPoolExecutor(1, get_context("spawn")) as broken:
        carry_out(jobs[:1], tmp_path, executor=broken)
        for name in ("x", "y"):  # It breaks, then it is broken.
            with pytest.raises(JobsFailedError, match=r"'bad': Broken") as found:
                carry_out([*jobs, job(name)], tmp_path, executor=broken)
            assert "good" in found.value.results


def test_a_folder_that_cannot_be_written_is_refused_at_once(
    tmp_path: Path, pool: Executor
) -> None:
    (tmp_path / "file").write_text("")
    for folders in ([tmp_path / "file"], [tmp_path / "new", tmp_path / "file/x"]):
        with pytest.raises(RunFolderError, match=r"file.*' cannot be created"):
            carry_out([job("a")], *folders[:1], work=folders[-1], executor=pool)
    assert files(tmp_path) == ["file"]


def test_a_full_disk_fails_one_job(
    tmp_path: Path, pool: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("sb3_prune.runs.many.write_text", full)
    with pytest.raises(JobsFailedError, match="'a': OSError: No space left"):
        carry_out([job("a")], tmp_path, executor=pool)
    monkeypatch.undo()
    assert carry_out([job("a")], tmp_path, executor=pool)["a"]["calls"] == 2


def test_the_table_has_what_is_finished(tmp_path: Path, pool: Executor) -> None:
    table = tmp_path / "new/table.csv"
    jobs = [job("b", number=1), job("bad", die, how="odd"), job("a")]
    row = {"job": "b", "number": 1, "calls": 1}
    with pytest.raises(JobsFailedError):
        carry_out(jobs, tmp_path / "x", executor=pool, table=table)
    assert read_table(table) == [row, {"job": "a", "number": 0, "calls": 1}]
    carry_out(jobs[:1], tmp_path / "x", executor=pool, table=table)
    assert read_table(table) == [row]


def test_ctrl_c_before_a_job_begins_leaves_the_folder_and_no_table(
    tmp_path: Path,
) -> None:
    folder, table = tmp_path / "out/x", tmp_path / "out/table.csv"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            carry_out([job("a")], folder, executor=Interrupted(), table=table)
        assert files(tmp_path) == ["out", "out/x"]


def test_without_results_there_is_no_table(tmp_path: Path, pool: Executor) -> None:
    table = tmp_path / "table.csv"
    carry_out([job("a")], tmp_path / "x", executor=pool, table=table)
    with pytest.raises(JobsFailedError):
        jobs = [job("bad", die, how="odd")]
        carry_out(jobs, tmp_path / "x", executor=pool, table=table)
    assert not table.exists()  # It told of other jobs.
    carry_out([], tmp_path / "y", table=tmp_path / "z/table.csv")
    assert not (tmp_path / "y").exists() and not (tmp_path / "z").exists()


def test_what_cannot_become_a_table_is_refused_first(
    tmp_path: Path, pool: Executor
) -> None:
    with pytest.raises(ConfigError, match=r"must be one of .csv, .parquet; got '.xls'"):
        carry_out([job("a")], tmp_path, executor=pool, table=tmp_path / "t.xls")
    with pytest.raises(ConfigError, match="attempts must be at least 1"):
        carry_out([job("a")], tmp_path, executor=pool, attempts=0)
    assert files(tmp_path) == []


@pytest.mark.slow
def test_a_pool_that_breaks_is_built_anew(tmp_path: Path) -> None:
    """Its jobs are done, but for the one that ends every process it gets."""
    made: list[Executor] = []

    def make() -> Executor:
        made.append(ProcessPoolExecutor(2, get_context("spawn")))
        return made[-1]

    jobs = [job("good/1"), job("bad", die, how="kill"), job("resumed", resume)]
    jobs += [job(f"good/{number}") for number in range(2, 9)]
    with pytest.raises(JobsFailedError) as found:
        carry_out(jobs, tmp_path, executor=make, attempts=2)
    assert list(found.value.failures) == ["bad"]
    others = [each.name for each in jobs if each.name != "bad"]
    assert list(found.value.results) == others
    assert len(made) >= 4
    with pytest.raises(RuntimeError, match="after shutdown"):
        made[-1].submit(os.getpid)


# By default: two processes.


@pytest.mark.slow
def test_deaths_cost_only_what_died(tmp_path: Path) -> None:
    jobs = [job("exit", die, how="exit"), job("long", sleep, seconds=2)]
    jobs += [job("kill", die, how="kill"), job("resumed", resume), job("who", threads)]
    jobs += [job(f"good/{number}") for number in range(3)]
    with pytest.raises(JobsFailedError) as found:
        carry_out(jobs, tmp_path, attempts=2)
    failures = found.value.failures
    assert sorted(failures) == ["exit", "kill"]
    assert "ended with exit code 7" in failures["exit"]
    assert "ended by SIGKILL" in failures["kill"]
    who = found.value.results["who"]
    assert who["threads"] == 1 and who["pid"] != os.getpid()
    assert found.value.results["resumed"] == {"from": 5}


# A shell's background jobs begin with SIGINT ignored.
SCRIPT = """
import signal
from runs.working import job, sleep
from sb3_prune.runs import carry_out

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    jobs = [job("quick", sleep, seconds=0), job("slow", sleep, seconds=100)]
    jobs += [job("later", sleep, seconds=100), job("never")]
    carry_out(jobs, {folder!r}, table={table!r})
"""


def start(script: Path) -> subprocess.Popen[str]:
    tests = str(Path(__file__).parents[1])
    path = os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end(run: subprocess.Popen[str]) -> None:
    """End a process and all that it has started, however the test ended."""
    with suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
    run.communicate()


@pytest.mark.slow
def test_ctrl_c_leaves_what_is_finished(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder, table = tmp_path / "results", tmp_path / "table.csv"
    (tmp_path / "it.py").write_text(SCRIPT.format(folder=str(folder), table=str(table)))
    run = start(tmp_path / "it.py")
    request.addfinalizer(lambda: end(run))
    wait_for((folder / "quick.json").is_file, 60)
    pids = [folder / f"{name}.unfinished/pid" for name in ("slow", "later")]
    wait_for(lambda: all(pid.is_file() and pid.read_text() for pid in pids))
    began = time.monotonic()
    os.killpg(run.pid, signal.SIGINT)  # As a terminal does.
    _, err = run.communicate(timeout=90)
    assert time.monotonic() - began < 80  # The jobs sleep for longer.
    assert err.splitlines()[-1] == "KeyboardInterrupt" and err.count("Traceback") == 1
    assert wait_for(lambda: all(gone(int(pid.read_text())) for pid in pids))
    assert sorted(p.name for p in folder.glob("*.json")) == ["quick.json"]
    assert not (folder / "never.unfinished").exists()
    assert read_table(table) == [{"job": "quick"}]
    assert carry_out([job("quick", sleep, seconds=0)], folder) == {"quick": {}}


MANY = """
from runs.working import job, nap
from sb3_prune.runs import carry_out

if __name__ == "__main__":
    jobs = [job(f"seed={{seed}}", nap, seed=seed) for seed in range({count})]
    carry_out(jobs, {folder!r}, table={table!r})
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_loses_no_seed(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Killed while it starts, works, and writes; the last time it may finish."""
    count, folder, table = 60, tmp_path / "results", tmp_path / "table.parquet"
    text = MANY.format(count=count, folder=str(folder), table=str(table))
    (tmp_path / "it.py").write_text(text)
    finished: set[Path] = set()
    for more in (0, 1, 7, 20):
        run = start(tmp_path / "it.py")
        request.addfinalizer(lambda run=run: end(run))
        goal = len(finished) + more
        wait_for(lambda goal=goal: len(list(folder.glob("seed=*.json"))) >= goal, 120)
        run.kill()  # The process of carry_out alone; its workers end by themselves.
        run.wait()
        finished |= set(folder.glob("seed=*.json"))
        assert len(finished) < count and not table.exists()
    before = {path: path.stat().st_mtime_ns for path in finished}
    last = start(tmp_path / "it.py")
    _, err = last.communicate(timeout=120)
    assert last.returncode == 0, err
    assert [row["seed"] for row in read_table(table)] == list(range(count))
    assert {path: path.stat().st_mtime_ns for path in finished} == before
    seen = [name for name in files(folder) if not name.startswith(".")]
    assert seen == sorted(f"seed={seed}.json" for seed in range(count))
