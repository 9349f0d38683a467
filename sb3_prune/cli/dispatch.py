"""Dispatch: choose and run the command, and report a mistake in one line."""

from __future__ import annotations

import codecs
import io
import os
import select
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any

import sb3_prune
from sb3_prune import plugins
from sb3_prune.cli.interrupts import INTERRUPTED, interruptible
from sb3_prune.exceptions import SB3PruneError, UnknownNameError

COMMANDS = {
    "train": "train an agent and prune it during training",
    "prune": "prune an agent that is already trained, at once or while it trains on",
    "scratch": "train a small dense agent from scratch, as small as a pruned one",
    "evaluate": "measure return, success, size and speed of a saved agent",
    "compare": "show several runs side by side, seeds put together",
    "report": "show runs in one HTML file",
    "card": "write a folder for the model hub, with a model card",
    "compact": "turn a pruned agent into a plain SB3 zip",
    "export": "write an agent's decision as C, ONNX or NumPy",
    "transplant": "carry an agent into other spaces or a bigger net",
    "analyze": "analyse the hidden units of a saved agent",
    "screen": "train many seeds: is giving up by an early number worth it?",
    "strategies": "list the pruning strategies and their options",
    "plugins": "list the plug-ins and what they provide",
}
"""Our commands and what they do. Each is the function ``main`` of a module here."""
BAD_INPUT = 2
PLAIN = {"±": "+-", "µ": "u", "≤": "<=", "→": "->"}
"""What is written where a terminal has not the character."""

HELP = """\
usage: sb3-prune COMMAND [OPTIONS]

Prune Stable-Baselines3 agents while they train: hidden units are removed for good,
and the result is an ordinary SB3 zip that loads where sb3-prune is not installed.

{commands}

  sb3-prune train --algo sac --env Pendulum-v1 --out runs/sac --final-sparsity 0.9
  sb3-prune prune agent.zip --env Pendulum-v1 --out runs/pruned --timesteps 20000
  sb3-prune prune agent.zip --env Pendulum-v1 --out runs/now --timesteps 0
  sb3-prune scratch runs/sac/model.zip --out runs/scratch
  sb3-prune evaluate runs/sac/model.zip --env Pendulum-v1 --episodes 100
  sb3-prune compare runs/sac runs/pruned --out runs/comparison
  sb3-prune report runs/sac runs/pruned --out report.html
  sb3-prune card runs/sac --out hub/sac
  sb3-prune compact runs/sac/model.zip --out plain.zip --verify
  sb3-prune export runs/sac/model.zip --to onnx --vecnormalize none
  sb3-prune transplant agent.zip --env Pendulum-v1 --net-arch 256 256 --out big.zip
  sb3-prune analyze runs/sac/model.zip --env Pendulum-v1 --episodes 20 --compare-random
  sb3-prune screen --algo a2c --env CartPole-v1 --seeds 0:500 --test-seeds 500:1000
  sb3-prune strategies
  sb3-prune plugins

options:
  -h, --help  show this text; after a command, show the options of that command
  --version   show the version

A run folder holds config.json, metrics.csv, TensorBoard events, model.zip, plain.zip,
learning.png, widths.png and, once the run is complete, summary.json.
"""


def help_text() -> str:
    """Return the text of ``sb3-prune --help``, with the commands of plug-ins."""
    brought = {name: _as_row(cls.summary()) for name, cls in plugins.commands().items()}
    listed = COMMANDS | brought
    width = max(map(len, listed))
    rows = [f"  {name:<{width}}  {does}" for name, does in listed.items()]
    return HELP.format(commands="\n".join(rows))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: Arguments after ``sb3-prune``; by default those of the process.

    Returns:
        The exit code: 0 for success, 2 for bad input, 130 if interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    with warnings.catch_warnings():
        warnings.showwarning = partial(_show_warning, set())
        try:
            if isinstance(sys.stdout, io.TextIOWrapper):
                codecs.register_error("sb3_prune.plain", _plain)
                sys.stdout.reconfigure(errors="sb3_prune.plain")
            code = _run(given)
            sys.stdout.flush()
            return code
        except KeyboardInterrupt:
            print("sb3-prune: interrupted", file=sys.stderr)
            return INTERRUPTED
        except (SB3PruneError, OSError, MemoryError) as error:  # E.g. a full disk.
            if isinstance(error, BrokenPipeError) and _is_unread():
                sys.stdout = open(os.devnull, "w")  # noqa: SIM115
                return 0
            _end_output()
            reason = _one_line(error) or type(error).__name__
            print(f"sb3-prune: error: {reason}", file=sys.stderr)
            return BAD_INPUT
        except SystemExit as stop:  # tyro has printed a help text.
            return int(stop.code or 0)


def _run(given: list[str]) -> int:
    if not given or given[0] in ("-h", "--help"):
        print(help_text(), end="")
        return 0 if given else BAD_INPUT
    command, *rest = given
    if command == "--version":
        print(f"sb3-prune {sb3_prune.__version__}")
        return 0
    if command in COMMANDS:
        # Import only the module of this command, so that listings start fast.
        with interruptible():
            import_module("sb3_prune.cli.lines").check(command, rest)
            module = import_module(f"sb3_prune.cli.{command}")
        module.main(rest)
        return 0
    brought = plugins.commands()
    if command not in brought:
        known, hint = [*COMMANDS, *brought], plugins.left_out("commands")
        raise UnknownNameError("command", command, known, hint=hint)
    brought[command]().main(rest)
    return 0


def _is_unread() -> bool:
    """Tell whether the reader of our output, e.g. `head`, has ended.

    A simulator that has died raises the same error.
    """
    try:
        sys.stdout.flush()
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLOUT)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except BrokenPipeError:
        return True
    except (AttributeError, OSError):  # Windows has no poll; some output is no file.
        return False


def _end_output() -> None:
    """Write what is printed already; if that fails, do not try it again at the end."""
    try:
        sys.stdout.flush()
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Write a character that a terminal cannot show plainly, or escaped as on stderr.

    Raises:
        UnicodeError: It is bytes that cannot be read.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    end = error.start + 1
    character = error.object[error.start : end]
    escaped = character.encode("ascii", "backslashreplace").decode()
    return PLAIN.get(character, escaped), end


def _as_row(summary: str) -> str:
    """Return a summary in the style of our own rows: no capital, no full stop."""
    return f"{summary[:1].lower()}{summary[1:]}".removesuffix(".")


def _one_line(error: object) -> str:
    return " ".join(str(error).split())


def _show_warning(
    shown: set[str], message: Warning | str, *where: Any, **more: Any
) -> None:
    """Show a warning once, though every environment that is made may give it."""
    del where, more  # Users of the command need only the text.
    text = _one_line(message)
    if text not in shown:
        print(f"sb3-prune: warning: {text}", file=sys.stderr)
    shown.add(text)
