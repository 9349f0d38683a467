"""Odd values of every option of every command end in one line, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Command, contents
from sb3_prune import plugins
from sb3_prune.cli.dispatch import COMMANDS

ODD = ["", "-1", "nan", "1e400", "9" * 5000, "é" * 300, "/dev/null", "\0"]
TEXT = [*ODD, "0", ".", "{", "=", "a=", "..:x", "null"]
TEXTS = ("env", "env_kwargs", "algo", "algo_kwargs", "ofe", "device", "out", "model")
CLASSES: dict[str, tuple[str, str]] = {
    "train": ("sb3_prune.cli.train", "TrainOptions"),
    "prune": ("sb3_prune.cli.prune", "PruneOptions"),
    "scratch": ("sb3_prune.cli.scratch", "ScratchOptions"),
    "evaluate": ("sb3_prune.cli.evaluate", "EvaluateOptions"),
    "compare": ("sb3_prune.cli.compare", "CompareOptions"),
    "report": ("sb3_prune.cli.report", "ReportOptions"),
    "card": ("sb3_prune.cli.card", "CardOptions"),
    "compact": ("sb3_prune.cli.compact", "CompactOptions"),
    "export": ("sb3_prune.cli.export", "ExportOptions"),
    "transplant": ("sb3_prune.cli.transplant", "TransplantOptions"),
    "analyze": ("sb3_prune.cli.analyze", "AnalyzeOptions"),
    "screen": ("sb3_prune.cli.seeds", "ScreenOptions"),
    "project": ("sb3_prune_clusters.projecting", "ProjectOptions"),
}
SCREENED = ["--seeds", "0:2", "--test-seeds", "2:4", "--level", "0"]
POSITIONAL = ("runs", "run", "model", "source", "target")


class ReachedError(Exception):
    """All options were accepted, and the long part begins."""


def options() -> Iterator[tuple[str, str]]:
    for command, (module, name) in CLASSES.items():
        for field in fields(getattr(import_module(module), name)):
            yield command, field.name
    for field in fields(plugins.get("strategies", "magnitude").Config):
        yield "train", field.name


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop where options were accepted: what follows is what users ask for."""

    def reach(*_: Any, **__: Any) -> None:
        raise ReachedError

    for place in (
        "running.Run.carry_out",
        "prune.prune_at_once",
        "evaluate.evaluate",
        "analyze.record_episodes",
        "compact.save_plain",
        "export.export",
        "transplant.write_model",
        "screen.screen",
    ):
        monkeypatch.setattr(f"sb3_prune.cli.{place}", reach)
    monkeypatch.setattr("sb3_prune_clusters.projecting.project_agents", reach)
    for module in ("train", "prune", "scratch", "evaluate", "analyze"):
        # PyTorch takes any number of threads, and really starts them.
        monkeypatch.setattr(f"sb3_prune.cli.{module}.torch.set_num_threads", int)


def test_every_command_is_tried() -> None:
    listings = {"strategies", "plugins"}
    assert CLASSES.keys() == (COMMANDS.keys() - listings) | plugins.commands().keys()


@pytest.mark.parametrize(("name", "option"), list(options()))
@pytest.mark.usefixtures("short")
def test_odd_values(
    name: str, option: str, command: Command, stock_zip: Path, tmp_path: Path
) -> None:
    before = contents(tmp_path)
    for value in TEXT if option in TEXTS else ODD:
        line = [*_line(name, stock_zip, tmp_path), *_given(option, value)]
        if option in POSITIONAL:
            first = line[0]
            line = [value if part == first else part for part in line[:-2]]
        try:
            result = command(name, *line)
        except ReachedError:
            continue
        assert result.code == 2, (value, result)
        assert result.err.count("\n") == 1, (value, result)
        assert result.err.startswith("sb3-prune: error: "), (value, result)
        assert contents(tmp_path) == before, value


@pytest.mark.parametrize("name", [*COMMANDS, *plugins.commands()])
@pytest.mark.parametrize("value", ["-1", "é", "\0"])
def test_stray_values(name: str, value: str, command: Command) -> None:
    result = command(name, "--nonsense", value)
    assert (result.code, result.err.count("\n")) == (2, 1), result


@pytest.mark.parametrize("value", TEXT)
def test_odd_commands(value: str, command: Command) -> None:
    result = command(value)
    assert (result.code, result.err.count("\n")) == (2, 1), result


def _line(name: str, path: Path, folder: Path) -> list[object]:
    env, out = ["--env", "Pendulum-v1"], ["--out", folder / "out"]
    return {
        "train": ["--algo", "sac", *env, *out],
        "prune": [path, *env, *out],
        "scratch": [path, *env, "--timesteps", "9", *out],
        "evaluate": [path, *env],
        "compare": [folder, *out],
        "report": [folder, *out],
        "card": [folder, *out],
        "compact": [path, *out],
        "export": [path, "--to", "numpy", "--vecnormalize", "none", *out],
        "transplant": [path, *env, *out],
        "analyze": [path, *env, *out],
        "screen": ["--algo", "sac", *env, *out, *SCREENED],
        "project": [path, path, *env, *out],
    }[name]


def _given(option: str, value: str) -> list[str]:
    return [f"--{option.replace('_', '-')}", value]
