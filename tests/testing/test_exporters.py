"""check_exporter accepts what keeps the contract and names what breaks it."""

from __future__ import annotations

import json
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
        return path.suffix == cls.suffix


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


@pytest.fixture
def models() -> list[Any]:
    return [exported.agent("SAC")]


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_keeps_the_contract(models: list[Any]) -> None:
    check_exporter(Torch, None, models)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (Forgets, "torch on SAC: after loading, the facts are"),
        (Wrong, "acts differently"),
        (Fails, "raises RuntimeError: no paper"),
        (Strange, r"does not know its own first\.pt2"),
    ],
)
def test_what_breaks_it(cls: type[Exporter], message: str, models: list[Any]) -> None:
    with pytest.raises(PluginError, match=message):
        check_exporter(cls, None, models)
