"""Run folder: all files of one training run."""

from __future__ import annotations

import io
import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import (
    CSVOutputFormat,
    Logger,
    TensorBoardOutputFormat,
)

from sb3_prune import plugins
from sb3_prune.exceptions import RunFolderError, SB3PruneError
from sb3_prune.files import atomic, hidden, naming, write_bytes, write_text
from sb3_prune.runs import strict

CONFIG, METRICS, SUMMARY = "config.json", "metrics.csv", "summary.json"
MODEL, PLAIN, STATISTICS = "model.zip", "plain.zip", "vecnormalize.pkl"
LEARNING, WIDTHS = "learning.png", "widths.png"
COMMAND = "sb3-prune"
"""First word of the command line in the configuration of a run."""
BEST = "best"
"""Folder in a run folder for the best agent, if it is to be kept."""
ARTEFACTS = (CONFIG, METRICS, STATISTICS, MODEL, PLAIN, LEARNING, WIDTHS, SUMMARY)
"""Every file of a run except TensorBoard's, in the order in which they are written."""
EVENTS = "events.out.tfevents.*"
"""Pattern of TensorBoard's files."""
PACKAGES = (
    "sb3-prune",
    "stable-baselines3",
    "sb3-contrib",
    "torch",
    "gymnasium",
    "numpy",
)
"""Packages whose versions a run depends on."""


@dataclass(frozen=True)
class RunFolder:
    """The folder of one training run.

    It is created at the start of the run, so that TensorBoard can show the run while it
    trains. Every file except the two logs, ``metrics.csv`` and TensorBoard's, is
    written completely or not at all. ``summary.json`` comes last: if it is missing, the
    run failed or has not ended yet.
    """

    path: Path
    """Path of the folder."""

    @classmethod
    def create(cls, path: str | Path, *, overwrite: bool = False) -> RunFolder:
        """Create the folder; delete the files of an earlier run in it.

        Its ``config.json`` stays, for the new run's to replace it.

        Raises:
            RunFolderError: The folder exists, and ``overwrite`` is false or it is not
                the folder of a run; or it cannot be created.
        """
        check_free(path, overwrite=overwrite)
        folder = Path(path)
        try:  # Another process may have been faster.
            folder.mkdir(parents=True, exist_ok=overwrite)
        except FileExistsError:
            raise RunFolderError(f"Run folder '{folder}' has just appeared.") from None
        # summary.json goes first, because it marks a run as complete. config.json stays
        # until the new one replaces it: without it, nobody may overwrite the folder.
        stale = [folder / name for name in reversed(ARTEFACTS) if name != CONFIG]
        stale += [folder / BEST / name for name in ARTEFACTS]
        for file in [*stale, *folder.glob(EVENTS)]:
            file.unlink(missing_ok=True)
        with suppress(OSError):  # Unless it is missing, or somebody's files are in it.
            (folder / BEST).rmdir()
        return cls(folder)

    @contextmanager
    def filling(self) -> Iterator[None]:
        """Say that the folder is incomplete where a file in it cannot be written.

        Raises:
            RunFolderError: The disk is full, for example.
        """
        try:
            with naming(self.path):
                yield
        except SB3PruneError:
            raise
        except OSError as error:
            raise RunFolderError(
                f"{error}. The run folder '{self.path}' is incomplete."
            ) from error

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file; words stand for NaN and infinity."""
        write_text(self.path / name, strict.dumps(content) + "\n")

    def save(self, name: str, model: BaseAlgorithm) -> None:
        """Save a model as a zip, after the statistics of its ``VecNormalize``."""
        statistics = model.get_vec_normalize_env()
        if statistics is not None:
            with atomic(self.path / STATISTICS) as temporary:
                statistics.save(str(temporary))
        write_model(self.path / name, model)

    def logger(self) -> Logger:
        """Return a logger that writes ``metrics.csv`` and TensorBoard's events."""
        table = CSVOutputFormat(str(self.path / METRICS))
        return Logger(str(self.path), [table, TensorBoardOutputFormat(str(self.path))])

    @property
    def is_complete(self) -> bool:
        """Whether the run has ended without an error."""
        return (self.path / SUMMARY).is_file()


def write_model(path: str | Path, model: BaseAlgorithm) -> None:
    """Save a model as a zip, whole or not at all."""
    write_bytes(path, model_bytes(model))


def model_bytes(model: BaseAlgorithm) -> bytes:
    """Return the zip of a model."""
    stream = io.BytesIO()  # If the disk is full, SB3 leaves open what it writes to.
    model.save(stream)
    return stream.getvalue()


def check_free(path: str | Path, *, overwrite: bool = False) -> None:
    """Check that a run may use a folder.

    Raises:
        RunFolderError: The folder exists, and ``overwrite`` is false or it is not the
            folder of a run; or it cannot be created.
    """
    folder = Path(path)
    check_creatable(folder)
    if not folder.exists():
        return
    if config_of(folder) is None:
        raise RunFolderError(
            f"'{folder}' exists and is not a run folder, with a {CONFIG} of "
            "sb3-prune: choose another folder."
        )
    if not overwrite:
        raise RunFolderError(
            f"Run folder '{folder}' exists: choose another folder, or pass --overwrite."
        )


def config_of(folder: Path) -> dict[str, Any] | None:
    """Return the configuration of a run; None if the folder has none, or another's.

    Other tools write such a file, too.
    """
    try:
        content: dict[str, Any] = json.loads((folder / CONFIG).read_text("utf-8"))
        return content if content["command"][0] == COMMAND else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def check_absent(path: Path) -> None:
    """Check that a folder can be created, and is not there yet.

    Raises:
        RunFolderError: It is there, or cannot be created.
    """
    check_creatable(path)
    if path.exists():
        raise RunFolderError(f"'{path}' exists: choose another folder.")


def check_creatable(path: Path) -> None:
    """Check that a file or folder can be written, by writing beside it.

    Raises:
        RunFolderError: Its name is too long or impossible, or the folder that is to
            hold it is not writable.
    """
    try:
        hidden(path.absolute()).exists()  # The longest name that will be written.
        above = next(parent for parent in path.resolve().parents if parent.exists())
        with TemporaryFile(dir=above):
            pass
    except (OSError, ValueError) as error:
        raise RunFolderError(f"'{path}' cannot be created: {error}.") from error


def versions() -> dict[str, str]:
    """Return the versions of Python, of the packages and of the active plug-ins."""
    found = {"python": platform.python_version()}
    found |= {name: version(name) for name in PACKAGES}
    for info in plugins.installed():
        if info.status == "active" and info.distribution:
            found[info.distribution] = info.version
    return found
