"""Tests for runs/workers.py: processes, and what one of them costs that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipapp
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from operator import add
from pathlib import Path
from typing import Any

import pytest
import torch

from runs.working import fail
from sb3_prune.exceptions import ConfigError, JobError, UnknownNameError
from sb3_prune.runs import Workers


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(2, torch_threads=1) as made:
        yield made


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def wait_for(what: Callable[[], Any], seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


@pytest.mark.slow
def test_calls_go_to_two_processes_with_one_thread_each(workers: Workers) -> None:
    sleeping = [workers.submit(time.sleep, 0.2) for _ in range(2)]
    assert [each.result() for each in sleeping] == [None, None]
    pids = [workers.submit(os.getpid) for _ in range(6)]
    assert 1 <= len({each.result() for each in pids} - {os.getpid()}) <= 2
    assert len(workers._all) == 2
    assert list(workers.map(add, (1, 2), (3, 4))) == [4, 6]
    assert workers.submit(torch.get_num_threads).result() == 1


def test_an_error_costs_no_process(workers: Workers) -> None:
    workers.submit(os.getpid).result()  # So that there is a process.
    before = set(workers._all)
    for _ in range(3):
        with pytest.raises(UnknownNameError, match="thing 'b'") as found:
            workers.submit(fail, "b").result()
        assert found.value.name == "b"
    with pytest.raises(Exception, match=r"pickle|local object"):
        workers.submit(lambda: 3).result()
    assert workers._all == before


@pytest.mark.slow
def test_a_death_costs_one_call(workers: Workers) -> None:
    other = workers.submit(time.sleep, 1)
    with pytest.raises(JobError, match=r"Its process ended with exit code 7\."):
        workers.submit(os._exit, 7).result()
    assert not other.done()
    assert other.result() is None
    with pytest.raises(JobError, match=r"ended by SIGKILL \(was there too little mem"):
        workers.submit(signal.raise_signal, signal.SIGKILL).result()
    assert workers.submit(add, 1, 2).result() == 3


@pytest.mark.slow
def test_leaving_by_an_exception_kills() -> None:
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Workers(1) as workers:
        pid = workers.submit(os.getpid).result()
        running = workers.submit(time.sleep, 100)
        waiting = workers.submit(time.sleep, 100)
        wait_for(running.running)
        raise KeyboardInterrupt
    assert time.monotonic() - began < 50
    assert wait_for(lambda: gone(pid))
    with pytest.raises(JobError, match="SIGKILL"):
        running.result()
    with pytest.raises(CancelledError):
        waiting.result()


def test_numbers() -> None:
    with pytest.raises(ConfigError, match="count must be at least 1"):
        Workers(0)
    with pytest.raises(ConfigError, match="torch_threads must be a whole number"):
        Workers(torch_threads=1.5)  # type: ignore[arg-type]


SCRIPT = """
import os, time
from sb3_prune.runs import Workers

def main():
    workers = Workers(1)
    print(workers.submit(os.getpid).result(), flush=True)
    {end}

{guard}
    main()
"""
GUARD = "if __name__ == '__main__':"


def start(path: Path, end: str, guard: str = GUARD) -> subprocess.Popen[str]:
    path.write_text(SCRIPT.format(end=end, guard=guard))
    pipe = subprocess.PIPE
    line = [sys.executable, str(path)]
    return subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.slow
def test_workers_end_with_who_started_them(tmp_path: Path) -> None:
    with start(tmp_path / "it.py", "workers.submit(time.sleep, 100).result()") as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        run.kill()
        run.wait()
        assert wait_for(lambda: gone(pid))


@pytest.mark.slow
def test_who_forgets_to_shut_down_can_end(tmp_path: Path) -> None:
    with start(tmp_path / "it.py", "pass") as run:
        out, err = run.communicate(timeout=60)
    assert run.returncode == 0 and err == ""
    assert wait_for(lambda: gone(int(out)))


@pytest.mark.slow
def test_a_script_without_guard_is_told_so(tmp_path: Path) -> None:
    with start(tmp_path / "it.py", "pass", "if True:") as run:
        _, err = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "must guard their code by if __name__ == '__main__'" in err


SESSION = """
from sb3_prune.runs import Workers
def seven():
    return 7
if __name__ == "__main__":
    with Workers(1) as workers:
        print(workers.submit(divmod, 7, 2).result())
        print(workers.submit(seven).result())
"""


@pytest.mark.parametrize("how", ["-c", "-", "file"])
def test_what_a_session_defines_cannot_be_found(how: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SESSION)
    line = {"-c": ["-c", SESSION], "-": ["-"], "file": [str(script)]}[how]
    done = subprocess.run(
        [sys.executable, *line],
        check=False,
        input=SESSION,
        capture_output=True,
        text=True,
    )
    assert (
        done.stdout.split("\n")[:2]
        == {
            "-c": ["(3, 1)", ""],
            "-": [""],
            "file": ["(3, 1)", "7"],
        }[how]
    )
    told = "cannot find what is defined in an interactive session" in done.stderr
    assert told == (how != "file") and done.returncode == told


@pytest.mark.parametrize("lost", [False, True])
def test_a_zipapp_finds_what_it_imports(lost: bool, tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "jobs_mod.py").write_text("def seven(text):\n    return 7\n")
    imported = "" if lost else "from jobs_mod import seven"
    body = SESSION.replace("submit(seven)", "submit(seven, '__main__')")
    body = body.replace("def seven()", f"def {'seven' if lost else 'other'}(text='')")
    (app / "__main__.py").write_text(f"{imported}\n{body}")
    zipapp.create_archive(app, tmp_path / "app.pyz")
    line = [sys.executable, str(tmp_path / "app.pyz")]
    done = subprocess.run(line, check=False, capture_output=True, text=True)
    assert done.stdout.split() == ["(3,", "1)", *([] if lost else ["7"])]
    assert ("or in __main__.py" in done.stderr) == lost
