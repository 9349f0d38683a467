"""Tests for runs/snapshot.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from sb3_prune.exceptions import CheckpointError
from sb3_prune.runs.snapshot import Snapshot, damage


def test_other_safetensors_are_refused(tmp_path: Path) -> None:
    save_file({"a": np.zeros(3)}, tmp_path / "a")
    with pytest.raises(CheckpointError, match=r"KeyError.*values"):
        Snapshot.read(tmp_path / "a")


def test_numbers_without_axes_come_back_without_axes(tmp_path: Path) -> None:
    Snapshot(arrays={"x": np.float64(2).reshape(())}, values={"y": [1, None]}).write(
        tmp_path / "a"
    )
    found = Snapshot.read(tmp_path / "a")
    assert found.arrays["x"].shape == () and found.values == {"y": [1, None]}


@pytest.mark.parametrize("values", ["3", "[1]", "no json", "[" * 100_000])
def test_values_that_are_no_mapping_are_refused(tmp_path: Path, values: str) -> None:
    save_file({"a": np.zeros(3)}, tmp_path / "a", metadata={"values": values})
    with pytest.raises(CheckpointError, match="a' is missing or damaged"):
        Snapshot.read(tmp_path / "a")


def test_damage_names_the_file_and_keeps_the_cause(tmp_path: Path) -> None:
    cause = OverflowError("too large")
    missing = pytest.raises(CheckpointError, match="it' is missing or damaged: Ov")
    with missing as found, damage(tmp_path / "it"):
        raise cause
    assert found.value.__cause__ is cause
    with pytest.raises(CheckpointError, match=r"^named$"), damage(tmp_path):
        raise CheckpointError("named")
