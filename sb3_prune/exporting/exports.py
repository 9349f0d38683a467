"""Exports: write an agent as a file that needs no Stable-Baselines3, and load it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecNormalize

from sb3_prune import plugins
from sb3_prune.exceptions import ExportError, require_path
from sb3_prune.exporting.asking import Agent
from sb3_prune.exporting.base import Exporter
from sb3_prune.exporting.checking import check_against
from sb3_prune.exporting.checks import Check
from sb3_prune.exporting.extras import telling
from sb3_prune.exporting.facts import facts_of
from sb3_prune.exporting.statistics import UNSAID, statistics_for
from sb3_prune.exporting.targets import (
    check_path,
    check_same_files,
    empty,
    replacing,
)
from sb3_prune.exporting.tracing import trace
from sb3_prune.plugins.options import build
from sb3_prune.warning import warn

UNSCORED = (
    "An entry of the action was the same on all observations, and what it is made of "
    "could not be compared instead: {}. An export that always answers the same there "
    "would pass as well."
)
"""Warning of an export whose check says little, with the reason."""


def export(
    model: BaseAlgorithm,
    to: str,
    path: str | Path,
    *,
    vecnormalize: Any = UNSAID,
    env: Any = None,
    outputs: Sequence[str] = (),
    overwrite: bool = False,
    **options: Any,
) -> Check:
    """Write the whole decision of an agent as a file that needs no Stable-Baselines3.

    It goes from the raw observation to the greedy action that the environment takes:
    normalisation, preprocessing, networks, and the scaling or choice of the action are
    inside. The export is compared with ``model.predict`` on at least 1,000 observations
    before the file appears, and says so itself.

    Args:
        model: The agent, pruned or not; it is not changed.
        to: Name of an exporter, such as ``numpy`` or ``onnx``.
        path: File or folder to write.
        vecnormalize: Statistics of the observations: a ``VecNormalize``, its file, or
            None if the agent was trained on raw observations. It must be said unless
            the environment of the model normalises.
        env: Environment, or its id. The export is then also compared on episodes.
        outputs: What to give besides the action: ``distribution`` (its parameters) and
            ``value``.
        overwrite: Replace an older export; other files in its folder are refused.
        **options: Options of the exporter.

    Returns:
        How the export compares with the agent.

    Raises:
        UnknownNameError: There is no such exporter.
        ConfigError: An option is wrong, or it is not said whether observations are
            normalised.
        ExportError: The agent cannot be exported, or its export would act differently.
        RunFolderError: The path cannot be written, or there is something already.
    """
    exporter = build(exporter_class(to), options)
    statistics = statistics_for(model, vecnormalize)
    target = check_path(path, exporter, overwrite=overwrite)
    decision = trace(model, statistics, outputs, dynamic=exporter.dynamic)
    facts = facts_of(decision, target.stem)
    with replacing(target, exporter) as temporary:
        exporter.write(decision, temporary, {**facts, "check": None})
        check_same_files(temporary, target)  # Now, as checks may take minutes.
        agent = exporter.load(temporary)
        dynamic = exporter.dynamic
        check = check_against(agent, model, statistics, env, dynamic=dynamic)
        empty(temporary)
        extra = telling(model.policy)
        if not check.varied and extra is not None:
            more = list(dict.fromkeys([*outputs, extra]))
            found = _scored(exporter, model, (statistics, env), more, temporary)
            if found is not None:
                worst = max(check.rounding, found.rounding)
                check = replace(check, scores=True, rounding=worst)
        exporter.write(decision, temporary, {**facts, "check": check.to_dict()})
        if not exporter.wrote(temporary):
            raise ExportError(
                f"The exporter '{exporter.name}' does not know what it has written as "
                "its own, so nobody could load it."
            )
    return check


def _scored(
    exporter: Exporter,
    model: BaseAlgorithm,
    around: tuple[VecNormalize | None, Any],
    outputs: Sequence[str],
    temporary: Path,
) -> Check | None:
    """Compare what the action is made of, too.

    Where that cannot be written, a warning says why, and the result is None.

    Raises:
        ExportError: It differs.
    """
    statistics, env = around
    try:
        decision = trace(model, statistics, outputs, dynamic=exporter.dynamic)
        facts = facts_of(decision, temporary.stem)
        exporter.write(decision, temporary, {**facts, "check": None})
    except ExportError as error:  # There may be no rule for one of its operations.
        warn(UNSCORED.format(str(error).rstrip(".")))
        return None
    agent, dynamic = exporter.load(temporary), exporter.dynamic
    check = check_against(agent, model, statistics, env, dynamic=dynamic)
    empty(temporary)
    return check


def load_export(path: str | Path) -> Agent:
    """Load an export, to ask it for actions as a model of Stable-Baselines3.

    Args:
        path: What :func:`export` wrote. Exports are code: load only files you trust.

    Raises:
        ExportError: The path is no export, or it is damaged.
    """
    require_path("path", path)
    found = Path(path)
    if not found.exists():
        raise ExportError(f"'{found}' does not exist.")
    failed: list[str] = []
    for name, cls in plugins.exporters().items():
        try:
            if cls.wrote(found):
                return cls.load(found)
        except ExportError as error:
            failed.append(str(error))
        except Exception as error:  # A plug-in must not keep the others from loading.
            failed.append(f"The exporter '{name}' fails on '{found}': {error!r}.")
    if failed:
        raise ExportError(" ".join(failed))
    known = ", ".join(plugins.exporters())
    raise ExportError(f"'{found}' is no export of the installed exporters: {known}.")


def exporter_class(name: str) -> type[Exporter]:
    """Return an exporter by name.

    Raises:
        UnknownNameError: There is none of that name.
    """
    return cast("type[Exporter]", plugins.get("exporters", name))
