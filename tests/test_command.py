"""Tests for sb3_prune_command.py."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
START = "import sys, sb3_prune_command; sys.exit(sb3_prune_command.main())"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_while_packages_are_imported(tmp_path: Path) -> None:
    (tmp_path / "sb3_prune.py").write_text(
        "import os, signal, time\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(30)\n"
        "except BaseException:\n"
        "    raise ImportError('swallowed')\n"
    )
    path = os.pathsep.join(map(str, (tmp_path, ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", START],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (130, "sb3-prune: interrupted\n")


def test_it_is_the_entry_point_and_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["scripts"] == {"sb3-prune": "sb3_prune_command:main"}
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "sb3_prune_command.py" in wheel["force-include"]


def test_it_runs_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sb3_prune_command

    monkeypatch.setattr(sys, "argv", ["sb3-prune", "--version"])
    assert sb3_prune_command.main() == 0
    assert capsys.readouterr().out.startswith("sb3-prune ")
