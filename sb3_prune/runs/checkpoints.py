"""Checkpoints: save everything that a killed run needs to go on, and load it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.type_aliases import GymEnv

from sb3_prune import checksums
from sb3_prune.exceptions import CheckpointError, require_at_least, require_path
from sb3_prune.files import atomic_folder, hidden, unhidden
from sb3_prune.plugins.options import entry_of
from sb3_prune.policies.zips import warn_of_zip
from sb3_prune.runs import snapshots
from sb3_prune.runs.folder import check_creatable, versions
from sb3_prune.runs.snapshot import damage

FORMAT = 2
"""Version of the format. Checkpoints of version 1 have no checksums."""
STATE, MODEL = "state.json", "model.zip"
NAME = re.compile(r"\d+(\.\d+)?")
"""Names of checkpoints: timesteps, and a number if there are several of these."""

Model = TypeVar("Model", bound=BaseAlgorithm)


def save(
    model: BaseAlgorithm,
    folder: str | Path,
    states: Mapping[str, Any] | None = None,
    *,
    keep: int = 1,
) -> Path:
    """Write ``folder/<timesteps>/`` completely or not at all, then delete older ones.

    Call this between rollouts: during a rollout, transitions are half stored. Two runs
    must not share a folder.

    Args:
        model: Any model of Stable-Baselines3, pruned or not.
        folder: Folder for the checkpoints of this run.
        states: Further states that the run needs, by name, as values that JSON can
            store.
        keep: Number of checkpoints to keep, at least 1.

    Returns:
        Path of the new checkpoint.

    Raises:
        CheckpointError: A state cannot be stored as JSON, the replay buffer holds
            objects that are not arrays of numbers, or the folder has a checkpoint with
            more timesteps. Nothing was written.
        RunFolderError: The folder cannot be written.
        ConfigError: ``keep`` is less than 1, or ``folder`` no path.

    Warns:
        UserWarning: SB3 cannot load what it saves of this model.
    """
    require_at_least("keep", keep)
    warn_of_zip(model, "This checkpoint")
    root = _root(model, folder)
    state, parts = _state(model, states), snapshots.take(model)
    _clean(root)
    with atomic_folder(_free_path(root, model.num_timesteps)) as temporary:
        model.save(temporary / MODEL)
        for name, part in parts.items():
            part.write(temporary / name)
        files = {p.name: checksums.checksum_of(p) for p in temporary.iterdir()}
        text = json.dumps({**state, "files": files}, indent=2) + "\n"
        (temporary / STATE).write_bytes(checksums.seal(text.encode()))
    saved = _all(root)
    for old in saved[:-keep]:
        _discard(old)
    return saved[-1]


def latest(folder: str | Path) -> Path | None:
    """Return the checkpoint with the most timesteps; None if there is no checkpoint.

    Checkpoints that were not finished do not count.
    """
    require_path("folder", folder)
    return next(reversed(_all(Path(folder))), None)


def load(
    cls: type[Model], folder: str | Path, env: GymEnv, **kwargs: Any
) -> tuple[Model, dict[str, Any]]:
    """Load a model to train on, and restore the state of every random generator.

    Call ``model.learn(..., reset_num_timesteps=False)`` right after. Anything that
    draws random numbers in between changes the run. The environment starts a new
    episode. If the model has a seed, the environment gets a new seed, made from the
    model's seed and the timesteps. If the replay buffer would continue the episode that
    was running at the checkpoint, the episode is marked as ended there.

    Like ``load`` of Stable-Baselines3 this unpickles ``model.zip``, which can run any
    code: load only checkpoints you trust.

    Args:
        cls: Class of the algorithm.
        folder: Folder with the checkpoints of a run, or one of these checkpoints. From
            a folder, the latest checkpoint is loaded.
        env: Environment to train in.
        **kwargs: Further arguments of ``cls.load``, e.g. ``device``.

    Returns:
        The model, and the states that were passed to :func:`save`.

    Raises:
        CheckpointError: There is no checkpoint, a file is damaged or of another format,
            or it does not fit the algorithm, the environment or the replay buffer.
        ConfigError: ``folder`` is no path.
    """
    require_path("folder", folder)
    with damage(Path(folder)):
        path = _find(Path(folder))
    state = _read_state(path, cls)
    model = _load_model(cls, path / MODEL, env, kwargs)
    _seed_environment(model)
    # Last, because all of the above may draw random numbers and SB3 reseeds in load().
    snapshots.restore(model, path)
    return model, state["states"]


def check(
    model: BaseAlgorithm, folder: str | Path, states: Mapping[str, Any] | None = None
) -> None:
    """Check before a long training that :func:`save` will succeed.

    Raises:
        SB3PruneError: :func:`save` would raise this error.
    """
    _root(model, folder)
    _state(model, states)
    snapshots.take(model)


# The folder.


def _all(folder: Path) -> list[Path]:
    """Return the finished checkpoints, oldest first."""
    return [p for p in _named(folder) if (p / STATE).is_file()]


def _named(folder: Path) -> list[Path]:
    """Return all that is named like a checkpoint, sorted by timesteps."""
    return sorted((p for p in folder.glob("*") if NAME.fullmatch(p.name)), key=_order)


def _order(path: Path) -> tuple[int, ...]:
    return tuple(map(int, path.name.split(".")))


def _root(model: BaseAlgorithm, path: str | Path) -> Path:
    """Return the folder, unless its latest checkpoint has more timesteps."""
    require_path("folder", path)
    folder = Path(path)
    check_creatable(folder / str(model.num_timesteps))
    last = latest(folder)
    if last and _order(last)[0] > model.num_timesteps:
        raise CheckpointError(
            f"'{folder}' has a checkpoint of {last.name} timesteps, but this run is at "
            f"{model.num_timesteps}: load it to go on, or choose another folder."
        )
    return folder


def _free_path(folder: Path, timesteps: int) -> Path:
    """Return ``folder/<timesteps>``, or ``folder/<timesteps>.<n>`` if that exists.

    An existing folder is not replaced, because no system call can replace a folder that
    is not empty in one step.
    """
    taken = [p for p in _named(folder) if _order(p)[0] == timesteps]
    if not taken:
        return folder / str(timesteps)
    return folder / f"{timesteps}.{(*_order(taken[-1]), 0)[1] + 1}"


def _discard(path: Path) -> None:
    """Delete a checkpoint; rename it first, so that half of it never looks whole."""
    gone = path.rename(hidden(path))
    if gone.is_symlink():
        gone.unlink()
    else:
        shutil.rmtree(gone)


def _clean(folder: Path) -> None:
    """Delete what a killed run left half written or half deleted, and nothing else."""
    for path in folder.glob(".*"):
        ours = NAME.fullmatch(unhidden(path.name) or "")
        if ours and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)


def _find(folder: Path) -> Path:
    path = folder if (folder / STATE).is_file() else latest(folder)
    if path is None:
        names = sorted(p.name for p in folder.glob("*"))
        found = f"it has {', '.join(names) or 'nothing'}"
        raise CheckpointError(
            f"'{folder}' has no finished checkpoint: expected a folder in it named by "
            f"its timesteps, such as '5000'; "
            f"{found if folder.is_dir() else 'it is not a folder'}."
        )
    return path


# The state.


def _state(model: BaseAlgorithm, given: Mapping[str, Any] | None) -> dict[str, Any]:
    states = {} if given is None else given
    if not isinstance(states, Mapping) or not all(isinstance(n, str) for n in states):
        raise CheckpointError(f"states must map names to states, got {states!r}.")
    for name, state in states.items():
        try:
            json.dumps(state)
        except (RecursionError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"State '{name}' cannot be stored as JSON: {error}."
            ) from error
    return {
        "format": FORMAT,
        checksums.KEY: checksums.BLANK,
        "algorithm": type(model).__name__,
        "num_timesteps": model.num_timesteps,
        "versions": versions(),
        "states": dict(states),
    }


def _read_state(path: Path, cls: type) -> dict[str, Any]:
    file = path / STATE
    with damage(file):
        data = file.read_bytes()
        state = json.loads(data.decode())
        version = entry_of(state, "format", int, f"'{file}'")
    if version not in (1, FORMAT):
        raise CheckpointError(
            f"'{path}' has format {version}, but this version of sb3-prune reads "
            f"formats 1 to {FORMAT}."
        )
    _require_whole(path, data, state)
    named = entry_of(state, "algorithm", str, f"'{file}'")
    entry_of(state, "states", dict, f"'{file}'")
    if named != cls.__name__:
        raise CheckpointError(
            f"'{path}' is a checkpoint of {named}, not of {cls.__name__}."
        )
    return dict(state)


def _require_whole(path: Path, data: bytes, state: Mapping[str, Any]) -> None:
    """Refuse a checkpoint unless every file is as its state file says.

    Raises:
        CheckpointError: A file is damaged or missing.
    """
    if state["format"] == 1 and checksums.KEY not in state:
        return
    if not checksums.is_whole(data, state.get(checksums.KEY)):
        raise CheckpointError(
            f"'{path / STATE}' is damaged: it is not what its checksum is of."
        )
    for name, expected in state["files"].items():
        with damage(path / name):
            found = checksums.checksum_of(path / name)
        if found != expected:
            raise CheckpointError(
                f"'{path / name}' is damaged: its checksum is not that in {STATE}."
            )


def _load_model(
    cls: type[Model], path: Path, env: GymEnv, kwargs: Mapping[str, Any]
) -> Model:
    try:
        return cls.load(path, env=env, **kwargs)
    except Exception as error:  # Old pickles and damaged zips raise any exception.
        raise CheckpointError(f"'{path}' cannot be loaded: {error!r}.") from error


def _seed_environment(model: BaseAlgorithm) -> None:
    """Seed the environment so that it does not repeat the first episodes of the run."""
    if model.seed is None or model.env is None:
        return
    sequence = np.random.SeedSequence([model.seed, model.num_timesteps])
    model.env.seed(int(sequence.generate_state(1)[0]) // 2)
