"""Finished: what the folder of a run says once the run is complete."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sb3_prune.exceptions import ConfigError
from sb3_prune.runs.folder import CONFIG, SUMMARY
from sb3_prune.runs.strict import restored

SIZES = ("units", "params_deploy", "params_train", "flops_deploy")
"""Sizes of an agent: hidden units, parameters to act and in all, FLOPs per action."""
NO_SETTINGS = {
    "algo",
    "device",
    "env",
    "env_kwargs",
    "json",
    "keep_best",
    "label",
    "no_verify",
    "out",
    "overwrite",
    "progress",
    "seed",
    "strategy",
    "threads",
}
"""Options in which runs of one kind may differ, or that stand elsewhere as well."""
MODEL_OPTION = "model"
"""Option with the zip that was pruned."""
MODEL_CHECKSUM = "model_checksum"
"""Entry of the configuration with the checksum of this zip."""
SCRATCH = "scratch"
"""Command that trains small dense agents."""
FRESH = ("train", SCRATCH)
"""Commands whose agents are untrained at the start."""
ACTIONS = "action_mode"
"""Argument of the arms that depends on the algorithm; the task is the same."""


@dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """A complete run of ``sb3-prune train``, ``prune`` or ``scratch``."""

    folder: Path
    """Its folder."""
    label: str | None
    """Name that the user gave to runs of its kind (``--label``)."""
    algorithm: str
    """Name of the algorithm."""
    strategy: str
    """Name of the strategy; ``dense`` or ``small dense`` if nothing was pruned."""
    task: str
    """Environment and its arguments, as text."""
    origin: tuple[int, str | None]
    """Seed, and what tells the zip that was pruned from others, if any: its checksum,
    or its path in runs from before there was one."""
    settings: Mapping[str, Any]
    """Settings by dotted name, without those that are not given, and those of the
    command that are off."""
    curve: Mapping[int, float]
    """Environment steps -> mean return of the last evaluation there."""
    sizes: Mapping[str, int]
    """Sizes of the agent at the end: the names in ``SIZES``."""

    @property
    def final(self) -> float:
        """Mean return of the last evaluation."""
        return list(self.curve.values())[-1]

    @classmethod
    def read(cls, folder: str | Path) -> FinishedRun:
        """Read the folder of a run.

        Raises:
            ConfigError: It is no run folder, the run is not complete, it was not
                evaluated, or a file is damaged.
        """
        path = Path(folder)
        config, summary = read_content(path, CONFIG), read_content(path, SUMMARY)
        with damage(path / CONFIG):
            told = _told(config)
        with damage(path / SUMMARY):
            known = [t for t in summary["tests"] if t["mean_return"] is not None]
            curve = {int(t["timesteps"]): t["mean_return"] for t in known}
            sizes = {key: int(summary["after"][key]) for key in SIZES}
            built = " ".join(map(str, summary["before"]["widths"].values()))
            bad = [value for value in curve.values() if not math.isfinite(value)]
        if not curve or bad:
            why = f"has a return of {bad[0]}" if bad else "was not evaluated"
            raise ConfigError(f"The run in '{path}' {why}: it cannot be compared.")
        told["settings"]["built"] = built
        return cls(folder=path, curve=curve, sizes=sizes, **told)


def _told(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the configuration tells, by the names of a run's fields."""
    options, strategy = config["options"], config["strategy"] or {}
    small = config["command"][1] == SCRATCH
    settings = {
        "command": config["command"][1],
        "algorithm": config["algorithm"],
        "env": config["env"],
        **{name: v for name, v in options.items() if name not in NO_SETTINGS},
        "strategy": strategy,
    }
    return {
        "label": options.get("label"),
        "algorithm": config["algorithm"],
        "strategy": strategy.get("name", "small dense" if small else "dense"),
        "task": task_of(config["env"]),
        "origin": (int(options["seed"]), _zip_of(config)),
        "settings": dict(flat(settings)),
    }


def _zip_of(config: Mapping[str, Any]) -> str | None:
    path = config["options"].get(MODEL_OPTION)
    if path is None:
        return None
    # SB3 takes a path without the ending, too.
    plain = str(Path(path).resolve()).removesuffix(".zip")
    return str(config.get(MODEL_CHECKSUM, plain))


def read_content(folder: Path, name: str) -> dict[str, Any]:
    """Return what a JSON file in the folder of a run says.

    Raises:
        ConfigError: It is no run folder, the file is missing, or it is damaged.
    """
    path = folder / name
    if not (folder / CONFIG).is_file():
        raise ConfigError(
            f"'{folder}' is no run folder: expected one that sb3-prune train, "
            f"prune or scratch has written, with {CONFIG}."
        )
    if not path.is_file():
        raise ConfigError(
            f"The run in '{folder}' has no {name}: it failed or is not finished yet."
        )
    with damage(path):
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return restored(found) if name == SUMMARY else found


@contextmanager
def damage(path: Path) -> Iterator[None]:
    """Name the file whose content raises an error.

    Raises:
        ConfigError: Instead of the error.
    """
    try:
        yield
    except (
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise ConfigError(f"'{path}' is damaged, or no run's: {error!r}.") from error


def task_of(env: Mapping[str, Any]) -> str:
    """Return an environment and its arguments as text."""
    kwargs = {name: v for name, v in sorted(env["kwargs"].items()) if name != ACTIONS}
    return " ".join([str(env["id"]), *(f"{name}={v}" for name, v in kwargs.items())])


def flat(content: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested mappings by dotted name, if they say something.

    Options of a strategy are all there, and None may mean something else than False:
    ``compensate`` is told where it is off, and not where it is automatic.
    """
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{path}{name}.")
        elif value is False and not path.startswith("strategy."):
            continue
        elif value is not None and value not in ([], ""):
            yield f"{path}{name}", value
