"""Tests for cli/dispatch.py and __main__.py."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import sb3_prune
from cli.conftest import Command
from sb3_prune import plugins
from sb3_prune.cli import main as run
from sb3_prune.cli.dispatch import COMMANDS, help_text
from sb3_prune.exceptions import PluginError
from sb3_prune.plugins.registry import find_kind


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_shows_an_example_of_each_command(command: Command, flag: str) -> None:
    result = command(flag)
    assert (result.code, result.out, result.err) == (0, help_text(), "")
    for name in COMMANDS:
        assert re.search(rf"^  {name} +[a-z]", result.out, re.MULTILINE)
        assert re.search(rf"^  sb3-prune {name}\b", result.out, re.MULTILINE)


def test_help_lists_what_plugins_bring(command: Command) -> None:
    assert "project" in plugins.commands()
    row = r"^  project +predict the hidden units of one saved agent from those of \w+$"
    assert re.search(row, command("--help").out, re.MULTILINE)


def test_a_plugin_cannot_take_the_name_of_our_own_command() -> None:
    assert sorted(COMMANDS) == sorted(find_kind("commands").taken)

    class Train(plugins.Command):
        """Train in my own way."""

        name = "train"

        def main(self, arguments: Sequence[str]) -> None:
            """Do nothing."""

    class Plugin:
        @plugins.hookimpl
        def register_commands(self, register: Callable[[type], None]) -> None:
            register(Train)

    with pytest.raises(PluginError, match="its name 'train' is that of sb3-prune's"):
        plugins.add_plugin(Plugin())
    assert "train an agent and prune it during training" in help_text()


def test_help_fits_a_terminal() -> None:
    assert all(len(line) <= 88 for line in help_text().splitlines())


def test_without_arguments_it_shows_help_and_fails(command: Command) -> None:
    assert command().code == 2
    assert command().out == help_text()


def test_version(command: Command) -> None:
    assert command("--version").out == f"sb3-prune {sb3_prune.__version__}\n"


def test_unknown_command(command: Command) -> None:
    result = command("pruen")
    assert result.code == 2
    assert "Unknown command 'pruen'. Did you mean 'prune'?" in result.err


def test_a_command_of_a_disabled_plugin() -> None:
    environment = os.environ | {"SB3_PRUNE_DISABLE_PLUGINS": "clusters"}
    done = subprocess.run(
        [sys.executable, "-m", "sb3_prune", "project"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Disabled by SB3_PRUNE_DISABLE_PLUGINS=clusters: 'clusters'" in done.stderr


@pytest.mark.parametrize("name", [*COMMANDS, "project"])
def test_every_command_has_help(command: Command, name: str) -> None:
    result = command(name, "--help")
    assert (result.code, result.err) == (0, "")
    assert f"usage: sb3-prune {name}" in result.out


def test_warnings_are_one_line_without_paths(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sb3_prune.cli.dispatch._run", lambda _: warnings.warn("a\nb", stacklevel=1)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        result = command("plugins")
    assert result.err == "sb3-prune: warning: a b\n"


def test_an_interrupt_is_no_traceback(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("sb3_prune.cli.dispatch._run", interrupt)
    result = command("train")
    assert (result.code, result.err) == (130, "sb3-prune: interrupted\n")


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), MemoryError("No more memory")]
)
def test_what_the_computer_lacks_is_one_line(
    error: Exception, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: list[str]) -> int:
        raise error

    monkeypatch.setattr("sb3_prune.cli.dispatch._run", fail)
    result = command("train")
    assert (result.code, result.err) == (2, f"sb3-prune: error: {error}\n")


def test_output_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run(["--version"]) == 2
        sys.stdout.close()
        with contextlib.suppress(OSError):
            full.close()
    assert "No space left on device" in capsys.readouterr().err


def test_what_a_terminal_lacks_is_written_plainly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)

    def show(_: list[str]) -> int:
        print("-2 ± 1, ≤ 3 µs, ±±, é")
        return 0

    monkeypatch.setattr("sb3_prune.cli.dispatch._run", show)
    assert run(["evaluate"]) == 0
    written = terminal.buffer.getvalue()  # type: ignore[attr-defined]
    assert written == b"-2 +- 1, <= 3 us, +-+-, \\xe9\n"


@pytest.mark.filterwarnings("always")
def test_a_warning_is_shown_once(
    monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    def warn(_: list[str]) -> int:
        for text in ("no pictures", "other", "no pictures"):
            warnings.warn(text, stacklevel=1)
        return 0

    monkeypatch.setattr("sb3_prune.cli.dispatch._run", warn)
    for _ in range(2):  # Once in each call.
        found = [f"sb3-prune: warning: {text}" for text in ("no pictures", "other")]
        assert command("evaluate").err.splitlines() == found


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_may_leave(unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    line = [sys.executable, "-m", "sb3_prune", "--version"]
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(
        line, check=False, stdout=writing, stderr=subprocess.PIPE, env=env
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_broken_pipe_elsewhere_is_an_error(
    monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    def die(_: list[str]) -> int:
        print("so far")
        raise BrokenPipeError(32, "the simulator has died")

    monkeypatch.setattr("sb3_prune.cli.dispatch._run", die)
    result = command("train")
    assert (result.code, result.out) == (2, "so far\n")
    assert result.err == "sb3-prune: error: [Errno 32] the simulator has died\n"


def test_console_script() -> None:
    script = Path(sys.executable).with_name("sb3-prune")
    done = subprocess.run(
        [script, "nonsense"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("sb3-prune: error: Unknown command 'nonsense'.")


@pytest.mark.parametrize(
    "arguments",
    [
        "--version",
        "--help",
        "pruen",
        "train --algo",
        "train --algo sac --env x",
        "prune a.zip --out x --n-envs many",
        "evaluate",
        "compact x.zip",
        "analyze x.zip --episodse 3",
        "plugins --jsn",
        *(f"{name} --help" for name in COMMANDS if name not in ("train", "prune")),
    ],
)
def test_answers_at_once(arguments: str) -> None:
    """What takes its time to load is not loaded; benchmarks/startup.py has times."""
    code = (
        "import sys; from sb3_prune.cli import main; main(sys.argv[1:])\n"
        "assert not {'torch', 'gymnasium', 'numpy', 'matplotlib'} & {*sys.modules}\n"
        f"assert 'tyro' not in sys.modules or sys.argv[1] in {[*COMMANDS]}"
    )
    line = [sys.executable, "-c", code, *arguments.split()]
    done = subprocess.run(line, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_of_the_output(encoding: str) -> None:
    code = (
        "import sys; from sb3_prune.cli import dispatch\n"
        "dispatch._run = lambda _: print('500 ± 0, \\udcff') or 0\n"
        "sys.exit(dispatch.main([]))"
    )
    env = {**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": "C"}
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, check=False, capture_output=True, env=env)
    plus = b"+-" if encoding == "ascii" else "±".encode(encoding)
    assert (done.stdout, done.stderr) == (b"500 " + plus + b" 0, \\udcff\n", b"")
    assert done.returncode == 0


def test_module() -> None:
    line = [sys.executable, "-m", "sb3_prune", "--version"]
    done = subprocess.run(line, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("sb3-prune ")
