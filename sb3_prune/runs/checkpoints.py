"""Checkpoints: all that a killed run needs to go on, written whole or not at all."""

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

from sb3_prune.exceptions import CheckpointError, ConfigError
from sb3_prune.files import atomic_folder, hidden
from sb3_prune.runs import snapshots
from sb3_prune.runs.folder import versions

FORMAT = 1
STATE, MODEL = "state.json", "model.zip"
UNFINISHED = ".*-*"
"""Names of checkpoints that a killed run left half written or half deleted."""

Model = TypeVar("Model", bound=BaseAlgorithm)


def save(
    model: BaseAlgorithm,
    folder: str | Path,
    states: Mapping[str, Any] | None = None,
    *,
    keep: int = 1,
) -> Path:
    """Write ``folder/<timesteps>/`` whole or not at all, then delete older ones.

    Call it between rollouts: in the midst of one, transitions are half stored. Two runs
    must not share a folder.

    Args:
        model: Any model of Stable-Baselines3, pruned or not.
        folder: Folder of this run's checkpoints.
        states: What else the run needs, JSON-able, by name.
        keep: Number of checkpoints to keep, at least 1.

    Returns:
        The checkpoint.

    Raises:
        CheckpointError: A state is no JSON, the replay buffer holds what no array can
            say, or the folder has a checkpoint of more timesteps. Nothing was written.
        ConfigError: ``keep`` is less than 1.
    """
    root = Path(folder)
    require_keep(keep)
    _require_newest(model, root)
    state, parts = _state(model, states or {}), snapshots.take(model)
    for leftover in root.glob(UNFINISHED):
        shutil.rmtree(leftover)
    with atomic_folder(_free_path(root, model.num_timesteps)) as temporary:
        model.save(temporary / MODEL)
        for name, part in parts.items():
            part.write(temporary / name)
        (temporary / STATE).write_text(state, "utf-8")
    saved = _all(root)
    for old in saved[:-keep]:
        _discard(old)
    return saved[-1]


def latest(folder: str | Path) -> Path | None:
    """Return the checkpoint of the most timesteps; None if there is none.

    Those that were not finished do not count.
    """
    return next(reversed(_all(Path(folder))), None)


def load(
    cls: type[Model], folder: str | Path, env: GymEnv, **kwargs: Any
) -> tuple[Model, dict[str, Any]]:
    """Load a model to go on with, and restore the state of every random generator.

    Call ``model.learn(..., reset_num_timesteps=False)`` right after: what draws random
    numbers in between changes the run. The environment starts a new episode, on a seed
    of its own if the model has one; the replay buffer's unfinished episode ends there.

    Like ``load`` of Stable-Baselines3 this unpickles ``model.zip``, which can run any
    code: load only what you trust.

    Args:
        cls: The algorithm.
        folder: Folder of a run's checkpoints, whose latest is loaded, or one of them.
        env: Environment to train in.
        **kwargs: Further arguments of ``cls.load``, e.g. ``device``.

    Returns:
        The model, and the states that :func:`save` was given.

    Raises:
        CheckpointError: There is no checkpoint, a file is damaged or of another format,
            or it does not fit the algorithm, the environment or the replay buffer.
    """
    path = _find(Path(folder))
    state = _read_state(path, cls)
    model = _load_model(cls, path / MODEL, env, kwargs)
    _seed_environment(model)
    # Last: all of the above may draw, and SB3 reseeds when it loads.
    snapshots.restore(model, path)
    return model, state["states"]


def check(
    model: BaseAlgorithm, folder: str | Path, states: Mapping[str, Any] | None = None
) -> None:
    """Check that :func:`save` will do, before hours of training.

    Raises:
        CheckpointError: As :func:`save` would.
    """
    _require_newest(model, Path(folder))
    _state(model, states or {})
    snapshots.take(model)


def require_keep(keep: int) -> None:
    """Check the number of checkpoints to keep.

    Raises:
        ConfigError: It is less than 1.
    """
    if keep < 1:
        raise ConfigError(f"keep must be at least 1, got {keep}.")


# The folder.


def _all(folder: Path) -> list[Path]:
    """Return the finished checkpoints, oldest first."""
    found = [p for p in folder.glob("*") if re.fullmatch(r"\d+(\.\d+)?", p.name)]
    return sorted((p for p in found if (p / STATE).is_file()), key=_order)


def _order(path: Path) -> tuple[int, ...]:
    return tuple(map(int, path.name.split(".")))


def _require_newest(model: BaseAlgorithm, folder: Path) -> None:
    """Refuse a folder whose latest checkpoint would stay the latest."""
    last = latest(folder)
    if last and _order(last)[0] > model.num_timesteps:
        raise CheckpointError(
            f"'{folder}' has a checkpoint of {last.name} timesteps, this run is at "
            f"{model.num_timesteps}: load it to go on, or choose another folder."
        )


def _free_path(folder: Path, timesteps: int) -> Path:
    """Return ``<timesteps>``, or ``<timesteps>.<n>`` if that is taken.

    No system call replaces a whole folder by another one, so none is replaced.
    """
    taken = [p for p in _all(folder) if _order(p)[0] == timesteps]
    if not taken:
        return folder / str(timesteps)
    return folder / f"{timesteps}.{(*_order(taken[-1]), 0)[1] + 1}"


def _discard(path: Path) -> None:
    """Delete a checkpoint; one that is half deleted must not look like a whole one."""
    shutil.rmtree(path.rename(hidden(path)))


def _find(folder: Path) -> Path:
    path = folder if (folder / STATE).is_file() else latest(folder)
    if path is None:
        names = sorted(p.name for p in folder.glob("*"))
        found = f"it has {', '.join(names) or 'nothing'}"
        raise CheckpointError(
            f"'{folder}' has no finished checkpoint: expected a folder named by its "
            f"timesteps, such as '5000'; {found if folder.is_dir() else 'it is none'}."
        )
    return path


# The state.


def _state(model: BaseAlgorithm, states: Mapping[str, Any]) -> str:
    for name, state in states.items():
        try:
            json.dumps(state)
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"State '{name}' is not JSON: {error}.") from error
    content = {
        "format": FORMAT,
        "algorithm": type(model).__name__,
        "num_timesteps": model.num_timesteps,
        "versions": versions(),
        "states": states,
    }
    return json.dumps(content, indent=2) + "\n"


def _read_state(path: Path, cls: type) -> dict[str, Any]:
    try:
        state = dict(json.loads((path / STATE).read_text("utf-8")))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"'{path / STATE}' is damaged: {error}.") from error
    if state.get("format") != FORMAT:
        raise CheckpointError(
            f"'{path}' has format {state.get('format')}, this version reads {FORMAT}."
        )
    if state["algorithm"] != cls.__name__:
        raise CheckpointError(
            f"'{path}' is a checkpoint of {state['algorithm']}, not of {cls.__name__}."
        )
    return state


def _load_model(
    cls: type[Model], path: Path, env: GymEnv, kwargs: Mapping[str, Any]
) -> Model:
    try:
        return cls.load(path, env=env, **kwargs)
    except Exception as error:  # Old pickles and damaged zips fail in any way.
        raise CheckpointError(f"'{path}' cannot be loaded: {error!r}.") from error


def _seed_environment(model: BaseAlgorithm) -> None:
    """Seed other episodes than those that the run began with."""
    if model.seed is None or model.env is None:
        return
    sequence = np.random.SeedSequence([model.seed, model.num_timesteps])
    model.env.seed(int(sequence.generate_state(1)[0]) // 2)
