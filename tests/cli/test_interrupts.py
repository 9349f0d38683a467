"""Tests for cli/interrupts.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from sb3_prune.cli.interrupts import interruptible

TRAIN = ["train", "--algo", "sac", "--env", "x", "--out", "y"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("start", ["-m sb3_prune", "-c"])
@pytest.mark.parametrize("package", ["torch", "tyro", "pluggy"])
def test_an_interrupt_while_packages_are_imported(
    package: str, start: str, tmp_path: Path
) -> None:
    """Even if a library swallows it, and from the first one on."""
    (tmp_path / f"{package}.py").write_text(
        "import os, signal, time\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(30)\n"
        "except BaseException:\n"
        "    raise ImportError('swallowed')\n"
    )
    code = ["import sys, sb3_prune.cli as c; sys.exit(c.main())"]
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, *start.split(), *(code if start == "-c" else []), *TRAIN],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert (done.returncode, done.stderr) == (130, "sb3-prune: interrupted\n")


def test_other_threads_get_no_signals() -> None:
    def enter() -> None:
        with interruptible():
            seen.append(signal.getsignal(signal.SIGINT))

    before, seen = signal.getsignal(signal.SIGINT), []
    thread = Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]
