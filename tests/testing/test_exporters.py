"""check_exporter accepts what keeps the contract and names what breaks it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import exported
import numpy as np
import pytest
import torch

from sb3_prune.exceptions import PluginError
from sb3_prune.exporting import Agent, Decision, Exporter
from sb3_prune.testing.exporters import check_exporter


class Torch(Exporter):
    """The program as torch saves it."""

    name = "torch"
    suffix = ".pt2"

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """There is nothing to choose."""

    def write(self, decision: Decision, path: Path, facts: Mapping[str, Any]) -> None:
        more: dict[str, Any] = {"facts": json.dumps(facts)}
        torch.export.save(decision.program, path, extra_files=more)

    @classmethod
    def load(cls, path: Path) -> Agent:
        more: dict[str, Any] = {"facts": ""}
        run = torch.export.load(path, extra_files=more).module()

        def decide(*inputs: np.ndarray) -> list[np.ndarray]:
            return [found.numpy() for found in run(*map(torch.tensor, inputs))]

        return Agent(json.loads(more["facts"]), decide)

    @classmethod
    def wrote(cls, path: Path) -> bool:
        return zipfile.is_zipfile(path)


class Forgets(Torch):
    """Forgets how it was checked."""

    def write(self, decision: Decision, path: Path, facts: Mapping[str, Any]) -> None:
        super().write(decision, path, {**facts, "check": None})


class Wrong(Torch):
    """Acts differently."""

    @classmethod
    def load(cls, path: Path) -> Agent:
        plain = super().load(path)
        return Agent(plain.facts, lambda *x: [1 + a for a in plain.run(*x)])


class Fails(Torch):
    """Cannot write."""

    def write(self, decision: Decision, path: Path, facts: Mapping[str, Any]) -> None:
        raise RuntimeError("no paper")


class Strange(Torch):
    """Does not know its own files."""

    @classmethod
    def wrote(cls, path: Path) -> bool:
        return False


class Sidecar(Torch):
    """Writes a second file beside the first one."""

    def write(self, decision: Decision, path: Path, facts: Mapping[str, Any]) -> None:
        super().write(decision, path, facts)
        path.with_name("facts.json").write_text(json.dumps(facts))

    @classmethod
    def load(cls, path: Path) -> Agent:
        facts = json.loads(path.with_name("facts.json").read_text())
        return Agent(facts, super().load(path).run)


class WritesElsewhere(Torch):
    """Chooses a name of its own."""

    def write(self, decision: Decision, path: Path, facts: Mapping[str, Any]) -> None:
        super().write(decision, path.with_name("agent.pt2"), facts)


class BySuffix(Torch):
    """Knows its files by their names."""

    @classmethod
    def wrote(cls, path: Path) -> bool:
        return path.suffix == cls.suffix


class Reads(Torch):
    """Reads whatever it is asked about."""

    @classmethod
    def wrote(cls, path: Path) -> bool:
        return path.read_bytes().startswith(b"PK")


class NoSuper(Torch):
    """Does not call the constructor of its base class."""

    def __init__(self, config: Any = None) -> None:
        pass

    @property
    def dynamic(self) -> bool:
        return bool(self.config)


class NoSuffix(Torch):
    """Has no suffix."""

    suffix = None  # type: ignore[assignment]


class NoDot(Torch):
    """Has a suffix without a dot."""

    suffix = "pt2"


class CannotRun(Torch):
    """Returns nothing when it runs."""

    @classmethod
    def load(cls, path: Path) -> Agent:
        return Agent(super().load(path).facts, lambda *x: [])


class Folder(Torch):
    """Writes a folder with one file."""

    name = "folder"
    suffix = ""

    def write(self, decision: Decision, path: Path, facts: Mapping[str, Any]) -> None:
        super().write(decision, path / "program.pt2", facts)

    @classmethod
    def load(cls, path: Path) -> Agent:
        return super().load(path / "program.pt2")

    @classmethod
    def wrote(cls, path: Path) -> bool:
        return zipfile.is_zipfile(path / "program.pt2")


class FolderByName(Folder):
    """Knows its folders by the names in them."""

    @classmethod
    def wrote(cls, path: Path) -> bool:
        return (path / "program.pt2").is_file()


@pytest.fixture
def models() -> list[Any]:
    return [exported.agent("SAC")]


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_keeps_the_contract(models: list[Any]) -> None:
    check_exporter(Torch, None, models)
    check_exporter(Folder, None, models)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (Forgets, "torch on SAC: after loading, the facts are"),
        (Wrong, "acts differently"),
        (Sidecar, "loading it from another folder, by another name, raises FileNot"),
        (WritesElsewhere, "write leaves nothing at the path that it got"),
        (BySuffix, "wrote takes a path without a file for its own"),
        (Reads, "wrote, asked about a path without a file, raises FileNotFound"),
        (NoSuper, "building it raises AttributeError"),
        (NoSuffix, "suffix is None, expected '.onnx'"),
        (NoDot, "suffix is 'pt2', expected '.onnx'"),
        (CannotRun, "The export fails .*IndexError"),
        (FolderByName, r"takes a folder of others \(bytes\) for its own"),
        (Fails, "raises RuntimeError: no paper"),
        (Strange, r"does not know its own first\.pt2"),
    ],
)
def test_what_breaks_it(cls: type[Exporter], message: str, models: list[Any]) -> None:
    with pytest.raises(PluginError, match=message):
        check_exporter(cls, None, models)
