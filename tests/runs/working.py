"""Jobs for the tests: functions that other processes can import."""

from __future__ import annotations

import os
import signal
import sys
import time
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sb3_prune.exceptions import UnknownNameError
from sb3_prune.runs import Job


@dataclass(frozen=True)
class Budget:
    """Arguments as benchmarks have them."""

    steps: int = 3
    widths: tuple[int, ...] = (4, 4)
    place: Path = Path("a/b")


class Interrupted(Executor):
    """Ctrl-C is pressed while its workers start."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise KeyboardInterrupt


def count(folder: Path, number: int = 0, **_: Any) -> dict[str, Any]:
    """Count how often a job of this name was called, beside its folder."""
    calls = folder.with_suffix(".calls")
    with calls.open("a") as file:
        file.write("x")
    return {"number": number, "calls": len(calls.read_text())}


def die(folder: Path, how: str) -> dict[str, Any]:
    """End the process in one of several ways, or raise an error that is odd."""
    (folder / "half.txt").write_text("half")
    if how == "exit":
        os._exit(7)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "sys.exit":
        sys.exit(3)
    raise UnknownNameError("thing", how, ["exit", "kill"])


def resume(folder: Path) -> dict[str, Any]:
    """Die halfway on the first call, go on from there on the second."""
    half = folder / "half.txt"
    if not half.exists():
        half.write_text("5")
        os._exit(1)
    return {"from": int(half.read_text())}


def sleep(folder: Path, seconds: float) -> dict[str, Any]:
    """Say who works, then sleep."""
    (folder / "pid").write_text(str(os.getpid()))
    time.sleep(seconds)
    return {}


def nap(folder: Path, seed: int) -> dict[str, Any]:
    """Take a moment, and return what depends on the seed alone."""
    time.sleep(0.05)
    return {"seed": seed, "value": seed / 7, "solved": seed % 3 == 0, "steps": None}


def threads(folder: Path) -> dict[str, Any]:
    """Tell the number of torch's threads, and the process."""
    return {"threads": torch.get_num_threads(), "pid": os.getpid()}


def give(folder: Path, result: Any) -> Any:
    """Return the argument."""
    return result


def fail(kind: str) -> None:
    """Raise an error whose constructor has several arguments."""
    raise UnknownNameError("thing", kind, ["a"])


def job(name: str, function: Any = count, **arguments: Any) -> Job:
    """Make a job."""
    return Job(name=name, function=function, arguments=arguments)
