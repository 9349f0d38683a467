"""Tests for benchmarks/cores.py: the measure of busy cores."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import cores

SPIN = "import time\nwhile time.process_time() < {}: pass"


def spin(seconds: float) -> None:
    """Spend processor time in a process of its own."""
    subprocess.run([sys.executable, "-c", SPIN.format(seconds)], check=True)


def test_processor_time_of_ended_processes_counts() -> None:
    found = cores.measured(lambda: spin(0.5))
    assert 0.5 <= found.ours * found.seconds < 1.5
    assert found.others is None or found.others >= 0


def test_sleep_is_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cores.measured(lambda: time.sleep(0.3)).ours < 0.2
    monkeypatch.setattr(cores, "STAT", Path("nowhere"))
    assert cores.measured(lambda: None).others is None


def test_others_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A made-up machine on which another 3 s of processor time were spent."""
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 100 100 7 7 0 0 0 0 0\ncpu0 1")
    monkeypatch.setattr(cores, "STAT", stat)
    hertz = 100
    monkeypatch.setattr(cores.os, "sysconf", lambda _: hertz)

    def work() -> None:
        stat.write_text(f"cpu  {100 + 3 * hertz} 100 100 900 7 0 0 0 0 0\ncpu0 1")

    found = cores.measured(work)
    assert found.others is not None
    assert found.others * found.seconds == pytest.approx(3, abs=0.1)


@pytest.mark.slow
def test_the_benchmark_tells_what_else_ran() -> None:
    table = cores.run(count=3, steps=20)
    rows = dict(map(tuple, table.rows))
    assert 0 < rows["cores that we kept busy"] < 2.5
    assert rows["seconds a training"] * 3 == pytest.approx(table.rows[0][1])
    assert "at least 1.8 of 2 cores" in table.claims[0][0]
