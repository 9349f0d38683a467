"""Tests for transplanting/weights.py."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
import zoo
from safetensors.torch import save_file

from sb3_prune.exceptions import CheckpointError
from sb3_prune.transplanting.weights import read_weights


def test_every_form_is_read(tmp_path: Path) -> None:
    model = zoo.trained("SAC")
    state = dict(model.policy.state_dict())
    torch.save(state, tmp_path / "policy.pth")
    save_file({k: v.clone() for k, v in state.items()}, tmp_path / "policy.safetensors")
    model.save(tmp_path / "agent.zip")
    for name in ("policy.pth", "policy.safetensors", "agent.zip"):
        zoo.assert_same(read_weights(tmp_path / name), state)
        zoo.assert_same(read_weights(str(tmp_path / name)), state)
    zoo.assert_same(read_weights(model.policy.state_dict()), state)


def test_a_class_that_is_gone_does_not_matter(tmp_path: Path) -> None:
    model = zoo.trained("DQN")
    model.save(tmp_path / "agent.zip")
    with zipfile.ZipFile(tmp_path / "agent.zip") as whole:
        tensors = whole.read("policy.pth")
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as part:
        part.writestr("data", "{no class can be read from this")
        part.writestr("policy.pth", tensors)
    found = read_weights(tmp_path / "odd.zip")
    zoo.assert_same(found, dict(model.policy.state_dict()))


class Runs:
    """Code that runs when it is unpickled."""

    def __reduce__(self) -> Any:
        return _run, ()


def _run() -> None:
    raise AssertionError("Code of a file was run.")


def test_no_code_of_a_file_is_run(tmp_path: Path) -> None:
    torch.save({"a": Runs()}, tmp_path / "odd.pth")
    with pytest.raises(CheckpointError, match="as tensors alone"):
        read_weights(tmp_path / "odd.pth")


def test_what_holds_no_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.pth"
    with pytest.raises(CheckpointError, match=r"policy.pth' cannot be read.*No such"):
        read_weights(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="cannot be read as tensors alone"):
        read_weights(path)
    zoo.trained("PPO").policy.save(str(path))
    with pytest.raises(CheckpointError, match=r"give policy.state_dict\(\) instead"):
        read_weights(path)
    torch.save([torch.zeros(2)], path)
    with pytest.raises(CheckpointError, match="must hold tensors by name, got a list"):
        read_weights(path)
    torch.save({"state": {"a": torch.zeros(2)}, "b": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=r"but these are none: \['state'\]"):
        read_weights(path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "a state dictionary or a path, got 3"),
        ({}, "must hold tensors by name, got a dict"),
        ({"a": 1}, r"these are none: \['a'\]"),
    ],
)
def test_other_things_are_refused(given: Any, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        read_weights(given)
