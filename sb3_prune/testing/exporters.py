"""Check that an exporter keeps its contract, for authors of plug-ins."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
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
from sb3_prune.testing.strategies import tiny_models


def check_exporter(
    cls: type[Exporter],
    config: object = None,
    models: Sequence[BaseAlgorithm] | None = None,
) -> None:
    """Check on real models that an exporter keeps its contract.

    What it writes must load, give back the facts that it got, act as the agent does,
    and be known as its own. It must write the same when it writes again, but for the
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
        exporter = build(cls, config)
        with tempfile.TemporaryDirectory() as folder:
            _check(exporter, model, Path(folder))


def _check(exporter: Exporter, model: BaseAlgorithm, folder: Path) -> None:
    where = f"{exporter.name} on {type(model).__name__}"
    decision = trace(model, dynamic=exporter.dynamic)
    facts = facts_of(decision, "agent")
    nothing = Check(sources={}, largest_difference=0.0, ties=0, tolerance=0.0)
    for check in (None, nothing.to_dict()):
        path = folder / f"{'first' if check is None else 'second'}{exporter.suffix}"
        if not exporter.suffix:
            path.mkdir()
        told = {**facts, "check": check}
        try:
            exporter.write(decision, path, told)
            agent = exporter.load(path)
        except Exception as error:
            raise PluginError(
                f"{where}: writing and loading raises {type(error).__name__}: {error}"
            ) from error
        _check_loaded(exporter, agent, path, told, where)
        try:
            check_against(agent, model, None, dynamic=exporter.dynamic)
        except SB3PruneError as error:
            raise PluginError(f"{where}: {error}") from error


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
    if not exporter.wrote(path):
        raise PluginError(f"{where}: wrote does not know its own {path.name}.")
