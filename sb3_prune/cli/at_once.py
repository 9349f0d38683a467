"""At once: prune an agent without training it, and write the run folder."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sb3_prune.cli.callbacks import Outcome, log_evaluation
from sb3_prune.cli.results import Results, measure
from sb3_prune.cli.running import Run, logging
from sb3_prune.compensation.proposing import PruneReport
from sb3_prune.evaluation.episodes import Evaluation
from sb3_prune.pruning import prune
from sb3_prune.recording.playing import States
from sb3_prune.runs.folder import RunFolder


def prune_at_once(
    run: Run,
    *,
    episodes: int,
    states: States,
    rounds: int = 0,
    distil_updates: int = 0,
) -> Results:
    """Let the agent of a run play, and prune it to the strategy's final state.

    The agent is evaluated before and after, on the same episodes.

    Args:
        run: The run; it has a strategy.
        episodes: Number of episodes to play, in the environment of the agent.
        states: Play greedily, draw actions, or play all episodes both ways.
        rounds: Number of further rounds on states that the pruned agent visits.
        distil_updates: Number of gradient steps towards the dense networks.

    Raises:
        ConfigError: The environment for evaluations cannot be made.
        NoObservationsError: The strategy needs more observations.
        RunFolderError: The run folder cannot be created, or not be filled.
    """
    assert run.strategy is not None
    model, tests = run.model, run.tests()
    before, began = measure(model), time.perf_counter()
    known = [tests.evaluate(model)] if tests else []
    report = prune(
        model,
        run.strategy,
        env=model.get_env(),
        episodes=episodes,
        states=states,
        rounds=rounds,
        distil_updates=distil_updates,
    )
    known += [tests.evaluate(model)] if tests else []
    seconds = time.perf_counter() - began
    folder = run.create_folder()  # Only now: pruning may be refused.
    with folder.filling():
        _log(run, folder, known, report)
        sizes = [before, measure(model)]
        return run.finish(
            folder,
            seconds=seconds,
            before=before,
            widths=[{"timesteps": 0, "units": size.widths} for size in sizes],
            tests=[
                Outcome(
                    timesteps=0, units=size.widths, weights=size.weights, result=result
                )
                for size, result in zip(sizes, known, strict=False)
            ],
            report=report,
        )


def _log(
    run: Run, folder: RunFolder, known: Sequence[Evaluation], report: PruneReport
) -> None:
    """Write a row for each evaluation; the last one has the metrics of the fit."""
    with logging(run.model, folder) as logger:
        for result in known[:-1]:
            log_evaluation(logger, 0, result)
        for name, value in report.metrics().items():
            logger.record(name, value)
        if known:
            log_evaluation(logger, 0, known[-1])
        else:
            logger.record("time/total_timesteps", 0, exclude="tensorboard")
            logger.dump(0)
