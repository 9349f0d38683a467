"""Results of a run, as numbers, figures and text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_prune.cli.callbacks import Outcome
from sb3_prune.cli.reports import report_numbers, report_rows
from sb3_prune.compensation.proposing import PruneReport
from sb3_prune.evaluation.complexity import Complexity, complexity
from sb3_prune.evaluation.episodes import Evaluation
from sb3_prune.evaluation.latency import latency_us
from sb3_prune.plots import plot_learning, plot_widths
from sb3_prune.runs.folder import LEARNING, SUMMARY, WIDTHS, RunFolder
from sb3_prune.surgery.weight_masks import unmasked
from sb3_prune.surgery.wiring import wire


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Size and speed of an agent."""

    widths: Mapping[str, int]
    """Layer name -> number of units with an open gate."""
    weights: int
    """Number of weights that are not masked, of all networks."""
    complexity: Complexity
    """Counts of units, parameters and FLOPs."""
    latency_us: float
    """Median time to choose one action, in microseconds."""

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers by name."""
        counts = {name: int(n) for name, n in self.complexity.to_dict().items()}
        latency = round(self.latency_us, 1)
        return {"widths": dict(self.widths), **counts, "latency_us": latency}

    def lines(self) -> list[str]:
        """Return the numbers as text."""
        count = self.complexity
        sparse = count.sparse_flops_deploy
        skipped = f", {sparse:,} without masked weights"
        skipped = skipped if sparse < count.flops_deploy else ""
        layers = ", ".join(f"{name} {units}" for name, units in self.widths.items())
        return [
            f"units       {count.units} ({layers})",
            f"parameters  {count.params_deploy:,} to act",
            f"            {count.params_train:,} in all",
            f"weights     {count.weights_deploy:,} to act, in matrices",
            f"FLOPs       {count.flops_deploy:,} per action{skipped}",
            f"latency     {self.latency_us:.0f} us per action",
        ]


def measure(model: BaseAlgorithm) -> Measurement:
    """Measure the size and speed of an agent.

    Raises:
        UnsupportedPolicyError: The policy's networks are not known.
    """
    return Measurement(
        widths=wire(model.policy).active_units(),
        weights=unmasked(model.policy),
        complexity=complexity(model),
        latency_us=latency_us(model),
    )


@dataclass(frozen=True, kw_only=True)
class Results:
    """Results of a run. A cut changes a layer's number of units, or masks weights."""

    fresh: bool
    """Whether the agent was untrained at the start. If so, "before pruning" means the
    last evaluation before the first cut; otherwise it means the first evaluation."""
    seconds: float
    """Duration of the training or of pruning at once, evaluations included."""
    before: Measurement
    """The agent at the start."""
    after: Measurement
    """The agent at the end."""
    widths: Sequence[Mapping[str, Any]]
    """Units of every layer at the start, after each change and at the end."""
    tests: Sequence[Outcome]
    """Every evaluation."""
    plain_load_equal: bool | None
    """Whether the plain zip acts equally in a new process; None if not verified."""
    plain_problem: str | None
    """Why there is no plain zip, or why it does not load; None if it is fine."""
    report: PruneReport | None = None
    """How well the cuts fit, if the agent was pruned at once, without training."""

    @property
    def sparsity(self) -> float:
        """Share of the hidden units at the start that were removed in the run."""
        return 1 - self.after.complexity.units / self.before.complexity.units

    @property
    def first_cut(self) -> int | None:
        """Environment steps before the first cut; None if there was no cut."""
        start, *changes, end = self.widths  # A change may mask weights alone.
        pruned = (
            start["units"] != end["units"] or self.before.weights != self.after.weights
        )
        if not changes and not pruned:
            return None
        return int((changes or [end])[0]["timesteps"])

    @property
    def tested_before(self) -> Evaluation | None:
        """The evaluation of the agent before it was pruned; None without a cut."""
        if self.first_cut is None:
            return None
        start = self.widths[0]["units"], self.before.weights
        known = list(takewhile(lambda t: (t.units, t.weights) == start, self.tests))
        return known[-1 if self.fresh else 0].result if known else None

    @property
    def tested_after(self) -> Evaluation | None:
        """The evaluation at the end; None if evaluations were turned off."""
        return self.tests[-1].result if self.tests else None

    def to_dict(self) -> dict[str, Any]:
        """Return the results by name."""
        tested = {"before": self.tested_before, "after": self.tested_after}
        return {
            "timesteps": self.widths[-1]["timesteps"],
            "seconds": round(self.seconds, 2),
            "sparsity": round(self.sparsity, 6),
            "first_cut": self.first_cut,
            "test": {k: v and v.to_dict() for k, v in tested.items()},
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "plain_load_equal": self.plain_load_equal,
            "plain_problem": self.plain_problem,
            "tests": [
                {"timesteps": test.timesteps, "units": dict(test.units)}
                | asdict(test.result)
                for test in self.tests
            ],
            "cuts": [dict(entry) for entry in self.widths],
            "report": self.report and report_numbers(self.report),
        }

    def write(self, folder: RunFolder) -> None:
        """Draw the figures, then write the summary, which marks the run as complete.

        Without training there is nothing to draw. The numbers of a long training are
        not lost because a figure cannot be drawn.
        """
        content = self.to_dict()
        try:
            if self.report is None:
                self._draw(folder)
        finally:
            folder.write_json(SUMMARY, content)

    def _draw(self, folder: RunFolder) -> None:
        plot_widths(folder.path / WIDTHS, self.widths)
        if self.tests:
            self._plot_learning(folder)

    def _plot_learning(self, folder: RunFolder) -> None:
        results = [test.result for test in self.tests]
        known = [r.success for r in results if r.success is not None]
        whole = len(known) == len(results)  # Some environments say only successes.
        plot_learning(
            folder.path / LEARNING,
            [test.timesteps for test in self.tests],
            known if whole else [r.mean_return for r in results],
            ylabel="success rate" if whole else "mean return",
            marks={} if self.first_cut is None else {"first cut": self.first_cut},
        )

    def lines(self) -> list[str]:
        """Return the results as text."""
        before, after = self.before.complexity, self.after.complexity
        rows = [
            _row("units", before.units, after.units, f" ({self.sparsity:.1%} gone)"),
            _row("parameters to act", before.params_deploy, after.params_deploy),
            _row("parameters in all", before.params_train, after.params_train),
            _row("latency [us]", self.before.latency_us, self.after.latency_us),
        ]
        if after.sparse_flops_deploy < after.flops_deploy:  # Single weights are masked.
            weights = before.weights_deploy, after.weights_deploy
            rows.insert(3, _row("weights to act", *weights))
        if self.tested_before:
            rows.append(f"{'test before':<18} {self.tested_before}")
        if self.tested_after:
            rows.append(f"{'test after':<18} {self.tested_after}")
        found = report_rows(self.report) if self.report else []
        rows += [f"{name:<18} {text}" for name, text in found]
        return [*rows, f"{'plain.zip':<18} {self._plain()}"]

    def _plain(self) -> str:
        if self.plain_problem:
            return f"cannot be used: {self.plain_problem}"
        if self.plain_load_equal is None:
            return "written, not verified"
        if self.plain_load_equal:
            return "loads without sb3-prune, actions equal"
        return "loads without sb3-prune, but ACTIONS DIFFER"


def _row(name: str, before: float, after: float, more: str = "") -> str:
    return f"{name:<18} {before:,.0f} -> {after:,.0f}{more}"
