"""Comparing: several finished runs side by side, with seeds put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sb3_prune.evaluation.intervals import interquartile_mean, stratified_interval
from sb3_prune.exceptions import ConfigError
from sb3_prune.plots.groups import Spread, front_figure, spread_figure
from sb3_prune.runs.finished import SIZES, FinishedRun
from sb3_prune.runs.grouping import grouped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEW = 5
"""Seeds of which the bootstrap's interval is too narrow: of five normal ones, it held
the true mean in 90 % of 400 trials, of three in 71 %, of two in 52 %."""
RETURN = "return: interquartile mean, 95 % interval"


@dataclass(frozen=True, kw_only=True)
class RunGroup:
    """Runs of equal settings and different seeds."""

    runs: Sequence[FinishedRun]
    """The runs, at least one."""

    @property
    def one_agent(self) -> bool:
        """Whether all of several runs pruned the same zip: one trained agent."""
        zips = {run.origin[1] for run in self.runs}
        return len(self.runs) > 1 and len(zips) == 1 and None not in zips

    @property
    def steps(self) -> list[int]:
        """Environment steps at which all of the runs were evaluated."""
        first, *others = [run.curve for run in self.runs]
        return [step for step in first if all(step in other for other in others)]

    @property
    def end(self) -> float:
        """Mean number of environment steps before the runs' last evaluations."""
        return float(np.mean([max(run.curve) for run in self.runs]))

    @property
    def returns(self) -> list[float]:
        """Mean return of each run's last evaluation."""
        return [run.final for run in self.runs]

    @property
    def value(self) -> float:
        """Interquartile mean of the returns; of up to three runs their mean."""
        return interquartile_mean(self.returns)

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the value over seeds; None if there is one run."""
        return stratified_interval([self.returns])

    def size(self, name: str) -> float:
        """Return the mean of a size over the runs; names are in ``SIZES``."""
        return float(np.mean([run.sizes[name] for run in self.runs]))

    def over_training(self) -> Spread:
        """Return the value and its interval at each evaluation that all runs have.

        If the runs end after different numbers of steps, as where whole episodes are
        collected, the last evaluations stand together at the mean of these numbers.
        """
        steps: list[float] = [*self.steps]
        each = [[run.curve[step] for run in self.runs] for step in self.steps]
        if self.end not in steps:
            steps = [*(step for step in steps if step < self.end), self.end]
            each = [*each[: len(steps) - 1], self.returns]
        found = [f for f in (stratified_interval([values]) for values in each) if f]
        return Spread(
            x=steps,
            middle=[interquartile_mean(values) for values in each],
            low=[low for low, _ in found],
            high=[high for _, high in found],
        )

    def against(self, size: str) -> Spread:
        """Return the value and its interval at the group's size."""
        found = self.interval
        return Spread(
            x=[self.size(size)],
            middle=[self.value],
            low=[found[0]] if found else (),
            high=[found[1]] if found else (),
            each=[(run.sizes[size], run.final) for run in self.runs],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers by name."""
        curve = self.over_training()
        return {
            "runs": [str(run.folder) for run in self.runs],
            "seeds": [run.origin[0] for run in self.runs],
            "returns": self.returns,
            "return": self.value,
            "interval": self.interval,
            **{name: self.size(name) for name in SIZES},
            "curve": {
                "timesteps": list(curve.x),
                "return": list(curve.middle),
                "low": list(curve.low),
                "high": list(curve.high),
            },
        }


@dataclass(frozen=True, kw_only=True)
class RunComparison:
    """Runs in one environment, grouped by what they have in common."""

    task: str
    """The environment and its arguments."""
    groups: Mapping[str, RunGroup]
    """Label -> runs."""

    def front(self) -> list[str]:
        """Return the labels of the Pareto front, the smallest agent first.

        No other group has at most as large agents and at least as high a return, and is
        better in one of the two.
        """
        points = {
            label: (group.size("params_deploy"), -group.value)
            for label, group in self.groups.items()
        }
        best = [
            label
            for label, (x, y) in points.items()
            if not any(
                a <= x and b <= y and (a, b) != (x, y) for a, b in points.values()
            )
        ]
        return sorted(best, key=lambda label: points[label])

    def plot_training(self) -> Figure:
        """Draw the return over training, with its interval over seeds."""
        drawn = {
            self._name(label): g.over_training() for label, g in self.groups.items()
        }
        return spread_figure(drawn, ylabel=RETURN)

    def plot_sizes(self) -> Figure:
        """Draw the return against the parameters to act; mark the Pareto front."""
        drawn = {
            self._name(label): group.against("params_deploy")
            for label, group in self.groups.items()
        }
        front = [self._name(label) for label in self.front()]
        return front_figure(drawn, front, xlabel="parameters to act", ylabel=RETURN)

    def remarks(self) -> Iterator[str]:
        """Yield what to bear in mind of the intervals."""
        seeds = {label: len(group.runs) for label, group in self.groups.items()}
        if alone := [label for label, count in seeds.items() if count == 1]:
            yield f"one seed, so no interval: {', '.join(alone)}"
        if any(1 < count <= FEW for count in seeds.values()):
            yield "an interval over few seeds is mostly their range, and too narrow"
        if same := [label for label, group in self.groups.items() if group.one_agent]:
            yield (
                "one trained agent, pruned several times; the interval says nothing of "
                f"other agents: {', '.join(same)}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers by name."""
        return {
            "env": self.task,
            "groups": {label: group.to_dict() for label, group in self.groups.items()},
            "pareto_front": self.front(),
        }

    def _name(self, label: str) -> str:
        seeds = len(self.groups[label].runs)
        return f"{label} ({seeds} seed{'s' if seeds > 1 else ', no interval'})"


def compare_runs(folders: Iterable[str | Path]) -> RunComparison:
    """Compare finished runs of ``sb3-prune``: of train, prune and scratch.

    Runs that differ only in the seed, or share a label (``--label``), are one group.

    Args:
        folders: Folders of the runs, at least one.

    Raises:
        ConfigError: A folder is that of no complete and evaluated run, the runs are in
            different environments, a run is there twice, or runs share a label but not
            their settings.
    """
    runs = [FinishedRun.read(folder) for folder in folders]
    if not runs:
        raise ConfigError("There is nothing to compare: give at least one run folder.")
    tasks: dict[str, list[str]] = {}
    for run in runs:
        tasks.setdefault(run.task, []).append(str(run.folder))
    if len(tasks) > 1:
        listed = "; ".join(f"{task}: {', '.join(at)}" for task, at in tasks.items())
        raise ConfigError(f"Returns of different environments say nothing: {listed}.")
    groups = {label: RunGroup(runs=each) for label, each in grouped(runs).items()}
    return RunComparison(task=runs[0].task, groups=groups)
