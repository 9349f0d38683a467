"""Check that an exporter keeps its contract, for authors of plug-ins."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.exceptions import PluginError, SB3PruneError
from sb3_prune.exporting.asking import Agent
from sb3_prune.exporting.base import Exporter
from sb3_prune.exporting.checking import check_against
from sb3_prune.exporting.checks import Check
from sb3_prune.exporting.facts import facts_of
from sb3_prune.exporting.tracing import trace
from sb3_prune.plugins.options import build
from sb3_prune.plugins.registry import check_class
from sb3_prune.testing.states import blaming
from sb3_prune.testing.strategies import tiny_models

_FOREIGN = {
    "bytes": bytes(range(256)),
    "nothing": b"",
    "text": b"Notes of somebody else.\n",
    "json": b'{"facts": {"name": "other"}, "version": 1}',
}
"""What files of others hold."""


def check_exporter(
    cls: type[Exporter],
    config: object = None,
    models: Sequence[BaseAlgorithm] | None = None,
) -> None:
    """Check on real models that an exporter keeps its contract.

    What it writes must load from another folder and by another name, give back the
    facts that it got, act as the agent does, and be known as its own; files and folders
    of others must not be. It must write the same when it writes again, but for the
    facts.

    Args:
        cls: The exporter.
        config: Options of the exporter, a mapping or its ``Config``; the defaults if
            None.
        models: Models to export; a tiny SAC and a tiny PPO model if None.

    Raises:
        PluginError: The exporter breaks the contract; the message says where and how.
    """
    check_class("exporters", cls)
    for model in tiny_models() if models is None else models:
        where = f"{cls.name} on {type(model).__name__}"
        with blaming(f"{where}: building it"):
            exporter = build(cls, config)
            dynamic = exporter.dynamic
        _check_suffix(exporter, where)
        with tempfile.TemporaryDirectory() as folder:
            _check(exporter, model, Path(folder), where, dynamic=dynamic)


def _check_suffix(exporter: Exporter, where: str) -> None:
    suffix: object = getattr(exporter, "suffix", None)
    fits = isinstance(suffix, str) and (not suffix or suffix.startswith("."))
    if not fits or suffix == ".":
        raise PluginError(
            f"{where}: suffix is {suffix!r}, expected that of its files, such as "
            "'.onnx', or '' if it writes a folder."
        )


def _check(
    exporter: Exporter, model: BaseAlgorithm, folder: Path, where: str, *, dynamic: bool
) -> None:
    decision = trace(model, dynamic=dynamic)
    facts = facts_of(decision, "agent")
    nothing = Check(sources={}, largest_difference=0.0, ties=0, tolerance=0.0)
    for check in (None, nothing.to_dict()):
        name = "first" if check is None else "second"
        told = {**facts, "check": check}
        path = _written_at(folder / f"{name}-run", exporter)
        with blaming(f"{where}: writing"):
            exporter.write(decision, path, told)
        moved = _moved(path, folder / f"{name}{exporter.suffix}", where)
        with blaming(f"{where}: loading it from another folder, by another name,"):
            agent = exporter.load(moved)
        _check_loaded(exporter, agent, moved, told, where)
        try:
            check_against(agent, model, None, dynamic=dynamic)
        except SB3PruneError as error:
            raise PluginError(f"{where}: {error}") from error
        except Exception as error:
            raise PluginError(
                f"{where}: asking it raises {type(error).__name__}: {error}"
            ) from error
    _check_foreign(exporter, moved, folder, where)


def _written_at(folder: Path, exporter: Exporter) -> Path:
    path = folder / f"temporary{exporter.suffix}"
    (folder if exporter.suffix else path).mkdir(parents=True)
    return path


def _moved(path: Path, target: Path, where: str) -> Path:
    """Move what was written, and nothing that lies beside it."""
    if not path.exists():
        raise PluginError(f"{where}: write leaves nothing at the path that it got.")
    shutil.move(path, target)
    shutil.rmtree(path.parent)
    return target


def _check_loaded(
    exporter: Exporter, agent: Agent, path: Path, told: object, where: str
) -> None:
    if not isinstance(agent, Agent):
        raise PluginError(f"{where}: load returns {agent!r}, expected an Agent.")
    if agent.facts != told:
        raise PluginError(
            f"{where}: after loading, the facts are {agent.facts}, expected those that "
            f"write got: {told}."
        )
    if not _wrote(exporter, path, f"its own {path.name}", where):
        raise PluginError(f"{where}: wrote does not know its own {path.name}.")


def _check_foreign(exporter: Exporter, own: Path, folder: Path, where: str) -> None:
    """Check that it claims no file or folder of others, whatever they hold."""
    for what, path in _foreign(own, folder / "foreign"):
        if _wrote(exporter, path, what, where):
            raise PluginError(
                f"{where}: wrote takes {what} for its own, expected False: it must "
                "look inside, not only at names."
            )


def _foreign(own: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Make what is not its own; yield what it is, and where."""
    folder.mkdir()
    yield "a path without a file", folder / f"absent{own.suffix}"
    (empty := folder / f"folder{own.suffix}").mkdir()
    yield "an empty folder", empty
    for kind, data in _FOREIGN.items():
        (path := folder / f"{kind}{own.suffix}").write_bytes(data)
        yield f"a file of others ({kind})", path
        if own.is_dir():
            yield f"a folder of others ({kind})", _alike(own, folder / kind[:2], data)


def _alike(own: Path, folder: Path, data: bytes) -> Path:
    """Make a folder whose files have the same names, but hold something else."""
    for file in (each for each in own.rglob("*") if each.is_file()):
        path = folder / file.relative_to(own)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def _wrote(exporter: Exporter, path: Path, what: str, where: str) -> bool:
    with blaming(f"{where}: wrote, asked about {what},"):
        return bool(exporter.wrote(path))
