"""Batches: screen many seeds side by side, each only once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import asdict
from functools import partial
from inspect import ismethod
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, CallbackList

from sb3_prune.exceptions import (
    ConfigError,
    UnsupportedPolicyError,
    require_at_least,
)
from sb3_prune.networks.ofexinet import ofexinet_of
from sb3_prune.runs import Job, carry_out
from sb3_prune.runs.learning import learn_and_close
from sb3_prune.screening.base import Screener, make_screener
from sb3_prune.screening.callback import ScreeningCallback, require_threshold
from sb3_prune.screening.solving import SolvedAt, SolvedCallback

MakeModel = Callable[[int], BaseAlgorithm]
"""Returns a fresh agent with its environment, by a seed."""


def screen(
    make_model: MakeModel,
    seeds: Iterable[int],
    screener: str | Screener = "entropy",
    threshold: float | None = None,
    *,
    folder: str | Path,
    steps: int,
    solved: SolvedAt | None = None,
    also: Mapping[str, str | Screener] | None = None,
    details: bool = False,
    executor: Executor | None = None,
    table: str | Path | None = None,
) -> list[dict[str, Any]]:
    """Train an agent of every seed; give up those that the screener does not let pass.

    A training ends when its task is solved, but not within a window, or its steps are
    spent. It is carried out by
    :func:`~sb3_prune.runs.carry_out`: seeds that are finished are not trained again.

    Args:
        make_model: Function, importable by its name, or a ``functools.partial`` of one.
        seeds: The seeds.
        screener: Name of a screener, or an instance.
        threshold: What values are compared with; None only measures, and trains all.
        folder: Folder of the results.
        steps: Environment steps after which an unsolved training ends.
        solved: When the task is solved; None takes the default of :class:`SolvedAt`.
        also: Further screeners that only measure, names or instances, by the names of
            their columns.
        details: Whether to keep further numbers of the screeners.
        executor: Where to train; see :func:`~sb3_prune.runs.carry_out`.
        table: File of all rows, ``.csv`` or ``.parquet``, written however this ends.

    Returns:
        For each seed ``seed``, ``value``, ``passed`` (None without a threshold),
        ``solved``, ``steps_to_solve`` and ``updates_to_solve`` (None if unsolved),
        ``steps`` and ``updates`` spent, with those of a run that was given up;
        ``also/<name>``, and ``details`` by screener.

    Raises:
        ConfigError: A value is out of range, ``make_model`` cannot be imported, or
            ``also`` has the name of the screener.
        JobError: The folder has results of other settings.
        JobsFailedError: Trainings have failed; all others are finished.
        MissingExtraError: The table needs an extra that is not installed.
        UnknownNameError: No plug-in has a screener of that name.
    """
    require_threshold(threshold)
    require_at_least("steps", steps)
    judge = make_screener(screener)
    further = {name: make_screener(each) for name, each in (also or {}).items()}
    if judge.name in further:
        raise ConfigError(f"also has '{judge.name}', which is the screener's own name.")
    for each in (judge, *further.values()):
        require_at_least("steps", steps, each.config.window)
    goal = solved or SolvedAt()
    same = {"threshold": threshold, "steps": steps, "details": details}
    settings = {
        **same,
        "make_model": _named(make_model),
        "screener": _described(judge),
        "solved": asdict(goal),
        "also": {name: _described(each) for name, each in further.items()},
    }
    arguments = {
        **same,
        "make_model": make_model,
        "screener": judge,
        "solved": goal,
        "also": further,
    }
    jobs = [
        Job(
            name=f"seed={seed}",
            function=train_screened,
            arguments={**arguments, "seed": seed},
            settings={**settings, "seed": seed},
        )
        for seed in seeds
    ]
    found = carry_out(jobs, folder, executor=executor, table=table, desc="screening")
    return list(found.values())


def train_screened(
    folder: Path,
    make_model: MakeModel,
    seed: int,
    screener: Screener,
    threshold: float | None,
    steps: int,
    solved: SolvedAt,
    also: Mapping[str, Screener],
    details: bool,
) -> dict[str, Any]:
    """Train an agent until it is given up, solves its task, or its steps are spent.

    See :func:`screen`; ``folder`` is not used.
    """
    del folder
    judge = ScreeningCallback(screener, threshold=threshold, details=details)
    others = {n: ScreeningCallback(s, details=details) for n, s in also.items()}
    # A task may be solved within the window, and yet the run has a value.
    goal = SolvedCallback(
        solved, max(each.config.window for each in (screener, *also.values()))
    )
    callbacks: list[BaseCallback] = [*others.values(), judge, goal]
    model: Any = make_model(seed)
    check_learning(model)
    learn_and_close(model, steps, CallbackList(callbacks))
    row: dict[str, Any] = {
        "seed": seed,
        "value": judge.value,
        "passed": judge.passed,
        "solved": goal.steps is not None,
        "steps_to_solve": goal.steps,
        "updates_to_solve": goal.updates,
        "steps": model.num_timesteps,
        "updates": model._n_updates,
    }
    row |= {f"also/{name}": each.value for name, each in others.items()}
    if details:
        named = {screener.name: judge, **others}
        row["details"] = {name: each.details for name, each in named.items()}
    return row


def check_learning(model: BaseAlgorithm) -> None:
    """Check that an agent learns without callbacks.

    Raises:
        UnsupportedPolicyError: It has an OFEXiNet, which a ``FeatureCallback`` trains.
    """
    if ofexinet_of(model.policy) is not None:
        raise UnsupportedPolicyError(
            f"{type(model.policy).__name__} has an OFEXiNet, which learns by a "
            "FeatureCallback, and screening trains without: take another policy."
        )


def _described(screener: Screener) -> dict[str, Any]:
    return {"name": screener.name, **asdict(screener.config)}


def _named(function: Callable[..., Any]) -> Any:
    """Return what names a function in the settings of a result.

    Raises:
        ConfigError: It cannot be imported by its name.
    """
    if isinstance(function, partial):
        given = {"args": list(function.args), "keywords": function.keywords}
        return {"function": _named(function.func), **given}
    name = getattr(function, "__qualname__", "<nameless>")
    # What an object holds is not in the name of its method.
    if "<" in name or ismethod(function):
        raise ConfigError(
            f"make_model must be a function of a module, got {function!r}: workers "
            "import it by its name. Give it arguments by functools.partial."
        )
    return f"{function.__module__}.{name}"
