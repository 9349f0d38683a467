"""Jobs: calls whose results are kept, each in a small JSON file of its own."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TextIO

from sb3_prune.exceptions import ConfigError, JobError
from sb3_prune.files import write_text

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

Result = dict[str, Any]

LARGEST = 2**20
"""Largest size of a result's file in bytes; models and buffers are no results."""
SETTINGS = "settings"
"""Entry of a result's file with what the result depends on."""
UNFINISHED = ".unfinished"
"""Ending of the folder in which an unfinished job keeps its checkpoints."""
BEGUN = "settings.json"
"""File in that folder with the settings with which the job began."""
ENDED = ".result.json"
"""File in that folder with the result, until it has its place."""
LOCK = "lock"
"""File in that folder that who carries out the job holds locked."""
PATIENCE = 5.0
"""Seconds to wait for that lock: who carried out the job may have just been killed."""
PART = re.compile(r"\w[\w.,=+@-]{0,199}", re.ASCII)
"""What a part of a job's name looks like; files of longer names cannot be written."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A call whose result is kept.

    Raises:
        ConfigError: The name cannot be that of a file, or the settings cannot be
            stored as JSON.
    """

    name: str
    """Name of the job and of its files; slashes make folders."""
    function: Callable[..., Mapping[str, Any]]
    """Called as ``function(folder, **arguments)``. ``folder`` is the job's own and
    exists; what the function leaves in it is still there if it was killed and is
    called again, and is gone when the job is done. The function must be importable by
    its name, and returns what JSON can store."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the function; they must not be changed later."""
    settings: Mapping[str, Any] | None = None
    """What the result depends on: a saved result of other settings is refused. By
    default the arguments. Of dataclasses the fields are stored."""
    _stored: Result = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = self.name.split("/")
        taken = (".json", UNFINISHED)
        if not all(PART.fullmatch(p) and not p.endswith(taken) for p in parts):
            raise ConfigError(
                "The name of a job must be letters, digits and any of _.,=+@-, in "
                "parts of at most 200, divided by slashes, that do not end in "
                f"{' or '.join(taken)}; got {self.name!r}."
            )
        # Before the function runs: SB3's A2C writes into its ``policy_kwargs``.
        object.__setattr__(self, "_stored", self._as_stored())

    def stored(self) -> Result:
        """Return the settings as they stand in the result's file."""
        return self._stored

    def _as_stored(self) -> Result:
        given = self.arguments if self.settings is None else self.settings
        try:
            found: Result = json.loads(_as_json(dict(given), default=_plain))
        except (RecursionError, TypeError, ValueError) as error:
            raise ConfigError(
                f"The settings of job '{self.name}' cannot be stored as JSON: {error}. "
                "Pass what the result depends on as settings."
            ) from error
        return found


def read(job: Job, folder: str | Path) -> Result | None:
    """Return the saved result of a job; None if the job is not finished.

    Raises:
        JobError: The file is damaged, or is the result of other settings.
    """
    text = read_text(job, path_of(job, Path(folder)))
    return None if text is None else without_settings(json.loads(text))


def read_text(job: Job, path: Path) -> str | None:
    """Return the text of a result's file; None if there is none.

    Raises:
        JobError: The file is damaged, or is the result of other settings.
    """
    if not path.is_file():
        return None
    try:
        text = path.read_text("utf-8")
        there = json.loads(text)[SETTINGS]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise JobError(
            f"'{path}' is no result of a job: expected a JSON object with the entry "
            f"'{SETTINGS}', found {error!r}. Move it away to carry out the job."
        ) from error
    _require_equal(path, there, job)
    return text


@contextmanager
def begun(job: Job, folder: Path) -> Iterator[None]:
    """Hold the folder of an unfinished job, which an earlier call may have left.

    Raises:
        JobError: The job had begun with other settings, or another process is carrying
            it out.
    """
    require_same_job(job, folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        if not _is_ours(file):
            raise JobError(
                f"Job '{job.name}' is being carried out by another process, which "
                f"holds '{folder / LOCK}'."
            )
        write_text(folder / BEGUN, _as_json(job.stored()))
        yield


def _is_ours(file: TextIO) -> bool:
    """Lock a file until it is closed, however that comes; tell if that was possible."""
    end = time.monotonic() + PATIENCE
    while not (locked := _lock(file)) and time.monotonic() < end:
        time.sleep(0.05)
    return locked


def _lock(file: TextIO) -> bool:
    if fcntl is None:
        return True  # Windows.
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # Some shared disks have no locks.
    return True


def require_same_job(job: Job, folder: Path) -> None:
    """Check that an unfinished job, if it had begun, has the same settings.

    Raises:
        JobError: It has others; a checkpoint of theirs must not be gone on from.
    """
    path = folder / BEGUN
    if not path.is_file():
        return
    try:
        there = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise JobError(
            f"'{path}' is damaged, so nobody knows which job '{folder}' belongs to: "
            f"move it away to begin anew ({error!r})."
        ) from error
    _require_equal(folder, there, job)


def _require_equal(path: Path, there: object, job: Job) -> None:
    differing = list(_differences(there, job.stored()))
    if differing:
        raise JobError(
            f"'{path}' is of other settings: {'; '.join(differing)}. Choose another "
            "folder, move it away, or give the job another name."
        )


def path_of(job: Job, folder: Path) -> Path:
    """Return the path of a job's result."""
    return folder / f"{job.name}.json"


def folder_of(job: Job, work: Path) -> Path:
    """Return the folder of a job while it is unfinished."""
    return work / f"{job.name}{UNFINISHED}"


def text_of(job: Job, result: object) -> str:
    """Return the text of a result's file.

    Raises:
        JobError: The result is no mapping, is no JSON, or is too large.
    """
    if not isinstance(result, Mapping) or SETTINGS in result:
        kind = type(result).__name__
        found = f"one with '{SETTINGS}'" if isinstance(result, Mapping) else kind
        raise JobError(
            f"The result of job '{job.name}' must be a mapping without an entry "
            f"'{SETTINGS}', got {found}."
        )
    try:
        text = _as_json({**result, SETTINGS: job.stored()})
    except (RecursionError, TypeError, ValueError) as error:
        raise JobError(
            f"The result of job '{job.name}' cannot be stored as JSON: {error}."
        ) from error
    if len(text) > LARGEST:
        raise JobError(
            f"The result of job '{job.name}' has {len(text):,} bytes as JSON, at most "
            f"{LARGEST:,} are kept: return numbers, not models or recordings."
        )
    return text


def _as_json(content: Result, **more: Any) -> str:
    return json.dumps(content, allow_nan=False, **more)


def _plain(value: object) -> object:
    """Return what stands for a value that JSON does not know."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} {value!r} is no JSON")


def without_settings(content: Result) -> Result:
    """Return the result in the content of its file."""
    return {name: value for name, value in content.items() if name != SETTINGS}


class _Absent:
    """What stands for a value that is not there."""

    def __repr__(self) -> str:
        return "nothing"


_ABSENT = _Absent()


def _differences(there: object, here: object, path: str = "") -> Iterator[str]:
    """Yield what differs between two values of JSON."""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in dict.fromkeys([*there, *here]):
            old, new = there.get(name, _ABSENT), here.get(name, _ABSENT)
            yield from _differences(old, new, f"{path}.{name}".lstrip("."))
    elif there != here or isinstance(there, bool) is not isinstance(here, bool):
        yield f"{path or SETTINGS} is {there!r} there, {here!r} here"
