"""Running: train and prune an agent, and write the run folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from torch import nn

from sb3_prune import checksums
from sb3_prune.callbacks.features import FeatureCallback
from sb3_prune.callbacks.pruning import PruningCallback
from sb3_prune.cli.best import Best
from sb3_prune.cli.callbacks import (
    EvaluationCallback,
    Outcome,
    ProgressCallback,
    wants_progress,
)
from sb3_prune.cli.environments import EnvMaker
from sb3_prune.cli.options import TrainingOptions
from sb3_prune.cli.plain import loads_equal, save_plain
from sb3_prune.cli.results import Measurement, Results, measure
from sb3_prune.cli.zips import find_zip
from sb3_prune.compensation.proposing import PruneReport
from sb3_prune.exceptions import CompactError, NonFiniteError
from sb3_prune.networks.ofexinet import ofexinet_of
from sb3_prune.pruning import look_at
from sb3_prune.runs.finished import FRESH, MODEL_CHECKSUM, MODEL_OPTION
from sb3_prune.runs.folder import COMMAND, CONFIG, MODEL, PLAIN, RunFolder, versions
from sb3_prune.runs.learning import learn_arguments
from sb3_prune.seeds import TEST_SEED
from sb3_prune.strategies.base import Strategy
from sb3_prune.surgery.optimizer import optimizers, state_of


@dataclass(frozen=True, kw_only=True)
class Run:
    """A training run that is ready to begin.

    Building it checks that the strategy can prune the agent.

    Raises:
        UnknownNameError: The strategy should prune a network that the agent lacks.
        UnsupportedPolicyError: The policy's networks are not known, or there is nothing
            to prune.
        PlanError: The state of an optimiser has other shapes than the weights.
    """

    command: str
    """Name of the command, e.g. ``train``."""
    arguments: Sequence[str]
    """Arguments after the name of the command, as the user typed them."""
    options: TrainingOptions
    """The options parsed from these arguments."""
    algorithm: str
    """Name of the algorithm."""
    model: BaseAlgorithm
    """The agent."""
    maker: EnvMaker
    """Maker of environments for evaluations."""
    strategy: Strategy | None
    """The strategy; None trains without pruning."""
    physical: bool = True
    """Whether units are removed during training, and not only their gates closed."""
    keep_best: bool = False
    """Whether the best agent that has lost all its units is kept, too."""

    def __post_init__(self) -> None:
        agent = look_at(self.model, progress=0.0)
        if self.strategy is not None:
            self.strategy.attach(agent)
            self.strategy.detach()
            for name, optimizer in optimizers(self.model).items():
                for parameter in cast("list[nn.Parameter]", [*optimizer.state]):
                    state_of(name, optimizer, parameter)

    def carry_out(self) -> Results:
        """Train, save, compact, verify and draw; write the summary last.

        Raises:
            ConfigError: The environment for evaluations cannot be made.
            RunFolderError: The run folder cannot be created, or not be filled.
        """
        tests, pruning = self.tests(), self._pruning()
        folder = self.create_folder()
        if tests is not None and self.keep_best:
            tests.keep = Best(folder, self.to_dict(), pruning)
        before, began = measure(self.model), time.perf_counter()
        with folder.filling():
            self._learn(folder, [c for c in (pruning, tests) if c is not None])
            return self.finish(
                folder,
                seconds=time.perf_counter() - began,
                before=before,
                widths=_widths(before, self.model, pruning),
                tests=tests.history if tests else [],
            )

    def create_folder(self) -> RunFolder:
        """Create the run folder, with the configuration in it.

        Raises:
            RunFolderError: The folder cannot be created.
        """
        content = self.to_dict()
        folder = RunFolder.create(self.options.out, overwrite=self.options.overwrite)
        try:
            folder.write_json(CONFIG, content)
        except BaseException:  # The disk is full, or Ctrl-C, or no JSON.
            with suppress(OSError):  # Unless somebody else's files are in it.
                folder.path.rmdir()
            raise
        return folder

    def finish(
        self,
        folder: RunFolder,
        *,
        seconds: float,
        before: Measurement,
        widths: Sequence[Mapping[str, Any]],
        tests: Sequence[Outcome],
        report: PruneReport | None = None,
    ) -> Results:
        """Save, compact, verify and draw; write the summary last.

        The arguments are those of :class:`Results`.
        """
        folder.save(MODEL, self.model)
        equal, problem = self._save_plain(folder.path / PLAIN)
        results = Results(
            fresh=self.command in FRESH,
            seconds=seconds,
            before=before,
            after=measure(self.model),
            widths=widths,
            tests=tests,
            plain_load_equal=equal,
            plain_problem=problem,
            report=report,
        )
        results.write(folder)
        return results

    def to_dict(self) -> dict[str, Any]:
        """Return everything that is needed to repeat the run."""
        cls = next(c for c in type(self.options).__mro__ if _is_static(c))
        strategy = self.strategy and {
            "name": self.strategy.name,
            "options": _plain(self.strategy.config, type(self.strategy.config)),
        }
        return {
            "command": [COMMAND, self.command, *self.arguments],
            "algorithm": self.algorithm,
            "options": _plain(self.options, cls),
            **self._zip(),
            "strategy": strategy,
            "env": self.maker.to_dict(),
            "versions": versions(),
        }

    def _zip(self) -> dict[str, str]:
        path = getattr(self.options, MODEL_OPTION, None)
        return {MODEL_CHECKSUM: checksums.checksum_of(find_zip(path))} if path else {}

    def tests(self) -> EvaluationCallback | None:
        """Return the evaluations of the agent; None if they were turned off.

        Raises:
            ConfigError: The environment for evaluations cannot be made.
        """
        options = self.options
        if not options.eval_episodes:
            return None
        seed = (options.seed + TEST_SEED) % 2**32
        return EvaluationCallback(
            self.maker.make_test(options.eval_episodes, seed),
            every=options.eval_every,
            episodes=options.eval_episodes,
            seed=seed,
        )

    def _pruning(self) -> PruningCallback | None:
        if self.strategy is None:
            return None
        return PruningCallback(self.strategy, physical=self.physical)

    def _learn(self, folder: RunFolder, callbacks: list[BaseCallback]) -> None:
        model: Any = self.model
        if ofexinet_of(model.policy) is not None:
            # First, so that the pruning callback sees the updated extractor.
            callbacks = [FeatureCallback(), *callbacks]
        if wants_progress(self.options.progress):
            callbacks = [*callbacks, ProgressCallback()]
        with logging(model, folder):
            try:
                more = learn_arguments(model)
                model.learn(self.options.timesteps, callback=callbacks, **more)
            except ValueError as error:
                # So do torch's distributions refuse NaN.
                if "to satisfy the constraint" not in str(error):
                    raise
                raise _diverged(model, "an output of a network") from error
        for name, weight in model.policy.state_dict().items():
            if isinstance(weight, torch.Tensor) and not weight.isfinite().all():
                raise _diverged(model, name)

    def _save_plain(self, path: Path) -> tuple[bool | None, str | None]:
        """Write and verify the plain zip.

        Returns:
            Whether it acts equally (None if not verified), and the reason if there is
            no plain zip that loads.
        """
        try:
            plain = save_plain(self.model, path)
            if self.options.no_verify:
                return None, None
            return loads_equal(self.model, plain, path), None
        except CompactError as error:
            return None, str(error)


@contextmanager
def logging(model: BaseAlgorithm, folder: RunFolder) -> Iterator[Logger]:
    """Let a model log into a run folder; the logger is closed at the end."""
    logger = folder.logger()
    model.set_logger(logger)
    try:
        yield logger
        if logger.name_to_value:  # Values recorded after the last dump.
            logger.record("time/total_timesteps", model.num_timesteps)
            logger.dump(model.num_timesteps)
    finally:
        logger.close()


def _diverged(model: BaseAlgorithm, what: str) -> NonFiniteError:
    return NonFiniteError(
        f"Training diverged before step {model.num_timesteps}: {what} is NaN or "
        "infinite. Try a smaller --learning-rate. The run folder is incomplete."
    )


def _plain(options: Any, cls: type[Any]) -> dict[str, Any]:
    """Return the values of a dataclass's fields, with paths as text.

    With slots, a dataclass has no ``vars``.
    """
    values = {f.name: getattr(options, f.name) for f in fields(cls)}
    return {n: str(v) if isinstance(v, Path) else v for n, v in values.items()}


def _is_static(cls: type) -> bool:
    """Tell whether a dataclass is the command's own, without a strategy's options."""
    return cls.__module__.startswith("sb3_prune.cli.")


def _widths(
    before: Measurement, model: BaseAlgorithm, pruning: PruningCallback | None
) -> list[dict[str, Any]]:
    """Return the units of every layer at the start, at every change and at the end."""
    history = pruning.history if pruning else [{"timesteps": 0, "units": before.widths}]
    last = {**history[-1], "timesteps": model.num_timesteps}
    return [*history, last]
