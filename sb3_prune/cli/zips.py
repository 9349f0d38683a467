"""Zips: read and check the zip of a saved agent."""

from __future__ import annotations

import difflib
import reprlib
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.save_util import load_from_zip_file
from stable_baselines3.common.vec_env import VecEnv

from sb3_prune.cli.algorithms import Algorithm, find_algorithm
from sb3_prune.cli.origins import algorithm_of, check_origin
from sb3_prune.exceptions import CheckpointError, NonFiniteError
from sb3_prune.runs.standing_in import stand_in

SHOWN = 5
"""Number of bad tensors that a message names."""
MEMBERS = {"data", "policy.pth"}
"""Files inside every zip of an agent."""


@dataclass(frozen=True)
class SavedAgent:
    """A zip that was read and checked, but from which no model was built yet."""

    path: Path
    """Path of the zip."""
    algorithm: Algorithm
    """Algorithm that saved the zip."""
    data: dict[str, Any]
    """Saved attributes of the algorithm by name."""

    def load(
        self, env: VecEnv | None = None, *, device: str = "cpu", **changes: Any
    ) -> BaseAlgorithm:
        """Build the model.

        Args:
            env: Environment to train in. Without one, hindsight replay gets one of
                the same spaces in which nobody can act.
            device: Device to load the model onto.
            **changes: Attributes of the algorithm that replace those in the zip.

        Raises:
            CheckpointError: The model cannot be built, or has other spaces than the
                environment.
        """
        if env is not None:
            self._check_space("observation_space", env.observation_space)
            self._check_space("action_space", env.action_space)
        cls = self.algorithm.cls
        try:
            env = env or stand_in(self.data)
            return cls.load(self.path, env=env, device=device, **changes)
        except Exception as error:  # Old pickles can raise any exception.
            raise CheckpointError(f"{_cannot(self.path)}: {error}") from error

    def _check_space(self, name: str, expected: object) -> None:
        if self.data[name] != expected:
            noun = name.replace("_", " ")
            raise CheckpointError(
                f"'{self.path}' is for another environment: its {noun} is "
                f"{self.data[name]}, but the {noun} of the environment is {expected}."
            )


def read_zip(path: str | Path, algorithm: str | None = None) -> SavedAgent:
    """Read and check the zip of an agent, stock or pruned, of any known algorithm.

    Like ``load`` of Stable-Baselines3 this unpickles the zip, which can run any code:
    read only zips you trust.

    Args:
        path: Zip that ``model.save`` wrote.
        algorithm: Name of the algorithm; None reads it from the zip.

    Raises:
        CheckpointError: The file is missing or broken.
        NonFiniteError: A weight is NaN or infinite.
        UnknownNameError: The algorithm is not known.
    """
    file = find_zip(Path(path))
    named = None if algorithm is None else find_algorithm(algorithm)
    _check_file(file)
    try:
        with warnings.catch_warnings():
            # If SB3 cannot unpickle an attribute, it only warns and leaves it out.
            warnings.simplefilter("error", UserWarning)
            data, params, variables = load_from_zip_file(file, device="cpu")
        assert data is not None
        policy = data["policy_class"]
        data["observation_space"], data["action_space"]
    except Exception as error:  # Unpickling can raise any exception.
        raise CheckpointError(f"{_cannot(file)}: {error!r}{_hint(error)}") from error
    _check_numbers(file, {**params, "variables": variables})
    return SavedAgent(file, _origin(file, named, policy, data), data)


def find_zip(path: Path) -> Path:
    """Return a path as SB3 reads it: without a suffix, the file may have ``.zip``.

    Raises:
        CheckpointError: There is no such file.
    """
    longer = Path(f"{path}.zip")
    try:
        found = [each for each in (path, longer) if each.is_file()]
        near = [] if found else [each.stem for each in path.parent.glob("*.zip")]
    except (OSError, ValueError) as error:  # Too long, or with a null byte.
        raise CheckpointError(f"'{path}' cannot be read: {error}.") from error
    if found:
        return found[0]
    close = difflib.get_close_matches(path.stem, near, n=1)
    guess = f" Did you mean '{path.with_name(f'{close[0]}.zip')}'?" if close else ""
    raise CheckpointError(f"'{path}' does not exist, or is no file.{guess}")


def _origin(
    path: Path, named: Algorithm | None, policy: Any, data: Mapping[str, Any]
) -> Algorithm:
    if not (isinstance(policy, type) and issubclass(policy, BasePolicy)):
        raise CheckpointError(
            f"'{path}' is no agent of SB3: its policy_class must be a policy, "
            f"got {reprlib.repr(policy)}."
        )
    try:
        if named is None:
            return algorithm_of(policy, data)
        check_origin(named, policy, data)
    except CheckpointError as error:
        raise CheckpointError(f"'{path}' cannot be loaded: {error}") from None
    return named


def _check_file(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
            missing = MEMBERS - set(archive.namelist())
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise CheckpointError(
            f"'{path}' is truncated or not a zip: {error}."
        ) from error
    if broken:
        raise CheckpointError(f"'{path}' is damaged: '{broken}' cannot be read.")
    if missing:
        names = ", ".join(sorted(missing))
        raise CheckpointError(
            f"'{path}' is truncated or not an agent of SB3: it has no {names}."
        )


def _check_numbers(path: Path, saved: Mapping[str, Any]) -> None:
    """Check weights, the states of optimisers and other tensors."""
    found = dict(_tensors(saved))
    # Torch would load the real parts.
    bad = [name for name, tensor in found.items() if tensor.is_complex()]
    if bad:
        raise CheckpointError(f"'{path}' has complex numbers in {_some(bad)}.")
    bad = [name for name, tensor in found.items() if not tensor.isfinite().all()]
    if bad:
        raise NonFiniteError(f"'{path}' has NaN or infinity in {_some(bad)}.")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} others" if names[SHOWN:] else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def _tensors(value: object, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the names of tensors in nested dictionaries, and the tensors."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _tensors(each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, torch.Tensor):
        yield name, value


def _hint(error: Exception) -> str:
    """Return what helps if the zip holds objects of a package that is missing."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    package = error.name.partition(".")[0]
    return f". The zip holds objects of the package '{package}': install it."


def _cannot(path: Path) -> str:
    """Return a message: this zip cannot be loaded, and which versions saved it."""
    with zipfile.ZipFile(path) as archive:
        if "system_info.txt" not in archive.namelist():
            return f"'{path}' cannot be loaded"
        lines = archive.read("system_info.txt").decode(errors="replace").splitlines()
    saved = ", ".join(line.removeprefix("- ") for line in lines if "OS" not in line)
    return f"'{path}' (saved with {saved}) cannot be loaded"
