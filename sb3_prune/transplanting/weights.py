"""Weights: the tensors of a saved policy, read without its class."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from sb3_prune.exceptions import CheckpointError

MEMBER = "policy.pth"
"""The policy's tensors in a zip of SB3."""
Weights = dict[str, torch.Tensor]


def read_weights(source: Any) -> Weights:
    """Return the tensors of a policy by name, on the CPU.

    No code of a file is run: nothing but tensors is read.

    Args:
        source: A state dictionary, or the path of a ``policy.pth``, of a file of
            safetensors or of a zip of SB3, of which the policy's tensors are read.

    Raises:
        CheckpointError: There is no such file, it is damaged, or it holds something
            else than tensors by name.
    """
    if isinstance(source, Mapping):
        return _checked(source, "The state dictionary")
    if not isinstance(source, str | os.PathLike):
        raise CheckpointError(
            f"Weights must be a state dictionary or a path, got {source!r}."
        )
    path = Path(source)
    try:
        found = _read(path)
    except Exception as error:  # Nonsense raises any exception.
        raise CheckpointError(
            f"'{path}' cannot be read as tensors alone ({type(error).__name__}: "
            f"{error}). Expected: a policy.pth, safetensors, or a zip of SB3. What "
            "policy.save() wrote holds objects: give policy.state_dict() instead."
        ) from error
    return _checked(found, f"'{path}'")


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return load_file(path)
    content: Any = path
    if zipfile.is_zipfile(path):  # As are files of torch.save().
        with zipfile.ZipFile(path) as file:
            if MEMBER in file.namelist():
                content = io.BytesIO(file.read(MEMBER))
    return torch.load(content, map_location="cpu", weights_only=True)


def _checked(found: Any, what: str) -> Weights:
    if not isinstance(found, Mapping) or not found:
        raise CheckpointError(
            f"{what} must hold tensors by name, got a {type(found).__name__}."
        )
    odd = [name for name, each in found.items() if not isinstance(each, torch.Tensor)]
    if odd:
        raise CheckpointError(
            f"{what} must hold tensors by name, but these are none: {odd}."
        )
    return {str(name): tensor.detach().cpu() for name, tensor in found.items()}
