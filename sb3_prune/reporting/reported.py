"""Reported: what the files of one run say, and which pieces are missing.

Nothing is unpickled: only JSON is read, and pictures are taken as they are.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sb3_prune.reporting.surrounding import check_env
from sb3_prune.runs.finished import damage, flat, read_content, task_of
from sb3_prune.runs.folder import CONFIG, MODEL, PLAIN, STATISTICS, SUMMARY

Test = Mapping[str, Any]
"""An evaluation: ``mean_return``, ``interval``, ``success`` and others."""
COUNTS = (
    "units",
    "params_deploy",
    "params_train",
    "weights_deploy",
    "flops_deploy",
    "sparse_flops_deploy",
)
"""Whole numbers that a run says of its agent, besides the latency."""
NUMBERS = ("mean_return", "std_return", "mean_length", "success")
"""What an evaluation says, besides its interval and its number of episodes."""
WHEN = ("before", "after")
LARGEST = 1e300
"""Larger results count as infinite: no axis could show the distance of two of them."""
NO_RETURN = "It was not evaluated (--eval-episodes 0): no returns, no learning curve."
NO_CUT = "Nothing was pruned, so there is no evaluation before pruning."
NO_BEFORE = "There is no evaluation of the agent before it was pruned."


@dataclass(frozen=True, kw_only=True)
class Agent:
    """Size and speed of an agent."""

    widths: Mapping[str, int]
    """Layer name -> number of units."""
    counts: Mapping[str, int]
    """The numbers in ``COUNTS``."""
    latency: float
    """Median time of ``predict`` for one observation, in microseconds."""

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Agent:
        """Read what a run says of an agent.

        Raises:
            ValueError: The latency is not finite, or a count is no whole number.
        """
        latency = float(content["latency_us"])
        if not math.isfinite(latency):
            raise ValueError(f"latency_us is {latency}")
        return cls(
            widths=_units(content["widths"]),
            counts={name: _whole(content[name]) for name in COUNTS},
            latency=latency,
        )


@dataclass(frozen=True, kw_only=True)
class ReportedRun:
    """A complete run of ``sb3-prune``, evaluated or not."""

    folder: Path
    """Its folder."""
    name: str
    """Its label, or the name of its folder."""
    config: Mapping[str, Any]
    """Content of its ``config.json``."""
    task: str
    """Environment and its arguments."""
    before: Agent
    """The agent at the start."""
    after: Agent
    """The agent at the end."""
    tested: Mapping[str, Test | None]
    """``before`` pruning and ``after`` -> evaluation; None if there is none."""
    tests: Sequence[Test]
    """Every evaluation with a finite result."""
    cuts: Sequence[tuple[int, Mapping[str, int]]]
    """Environment steps and units per layer: start, every change, end."""
    first_cut: int | None
    """Environment steps before the first cut; None if there was none."""
    summary: Mapping[str, Any]
    """Content of its ``summary.json``."""

    @classmethod
    def read(cls, folder: str | Path) -> ReportedRun:
        """Read the folder of a run.

        Raises:
            ConfigError: It is no run folder, the run is not complete, or a file is
                damaged.
        """
        path = Path(folder)
        config, summary = read_content(path, CONFIG), read_content(path, SUMMARY)
        with damage(path / CONFIG):
            name = str(config["options"].get("label") or path.resolve().name)
            _settled(config)
        with damage(path / SUMMARY):
            cuts = [
                (_whole(c["timesteps"]), _units(c["units"])) for c in summary["cuts"]
            ]
            cuts[0]  # There is at least the start.
            first = summary["first_cut"]
            return cls(
                folder=path,
                name=name,
                config=config,
                task=task_of(config["env"]),
                before=Agent.of(summary["before"]),
                after=Agent.of(summary["after"]),
                tested={when: _test(summary["test"][when]) for when in WHEN},
                tests=[t for t in map(_dated, summary["tests"]) if t is not None],
                cuts=cuts,
                first_cut=None if first is None else _whole(first),
                summary=summary,
            )

    @property
    def algorithm(self) -> str:
        """Name of the algorithm."""
        return str(self.config["algorithm"])

    @property
    def strategy(self) -> str | None:
        """Name of the strategy; None if nothing was to be pruned."""
        found = self.config["strategy"]
        return None if found is None else str(found["name"])

    @property
    def pruned(self) -> bool:
        """Whether a unit or a weight was pruned; a strategy may find nothing to do."""
        return self.first_cut is not None or self.before.counts != self.after.counts

    @property
    def line(self) -> str:
        """The command line that began it."""
        return shlex.join(map(str, self.config["command"]))

    @property
    def score(self) -> str:
        """What the curve shows: ``success`` where every evaluation knows it."""
        known = [test.get("success") is not None for test in self.tests]
        return "success" if known and all(known) else "mean_return"

    @property
    def curve(self) -> list[Test]:
        """The evaluations that have a score, by environment steps."""
        return [test for test in self.tests if test.get(self.score) is not None]

    @property
    def plain_problem(self) -> str | None:
        """Why there is no plain zip that can be used; None if there is one."""
        if not (self.folder / PLAIN).is_file():
            why = self.summary.get("plain_problem") or "it is not in the folder"
            return f"There is no {PLAIN}: {why}"
        if self.summary.get("plain_problem"):
            return f"{PLAIN} cannot be used: {self.summary['plain_problem']}"
        if self.summary.get("plain_load_equal") is False:
            return f"{PLAIN} acts differently from {MODEL}."
        return None

    @property
    def statistics(self) -> str | None:
        """Name of the file with the statistics of ``VecNormalize``, if there is one."""
        return STATISTICS if (self.folder / STATISTICS).is_file() else None

    @property
    def settings(self) -> dict[str, Any]:
        """Options of the run and of its strategy, if they say something."""
        told = {**self.config["options"], "strategy": self.config["strategy"]}
        return dict(flat(told))

    def missing(self) -> Iterator[str]:
        """Yield what a report cannot show, because the run does not have it."""
        lost = len(self.summary["tests"]) - len(self.curve)
        if not self.summary["tests"]:
            yield NO_RETURN
        elif lost:
            many = "evaluation" if lost == 1 else "evaluations"
            verb = "is" if lost == 1 else "are"
            yield f"{lost} {many} without a finite result {verb} left out."
        told = self.summary["test"]
        for when in WHEN:
            if told[when] is not None and self.tested[when] is None:
                yield f"The evaluation {when} has no finite result."
        if self.tests and told["before"] is None:
            yield NO_BEFORE if self.pruned else NO_CUT
        if not (self.folder / MODEL).is_file():
            yield f"There is no {MODEL} in its folder."
        if self.plain_problem:
            yield self.plain_problem
        if self.summary.get("plain_load_equal") is None and not self.plain_problem:
            yield f"{PLAIN} was not verified (--no-verify)."


def _settled(config: Mapping[str, Any]) -> None:
    """Touch what a report reads of a configuration, so that damage shows early."""
    int(config["options"]["seed"]), str(config["env"]["id"]), str(config["algorithm"])
    str(config["command"][1])
    for mapping in (config["versions"], config["env"]["kwargs"]):
        mapping.items()
    check_env(config["env"])
    if config["strategy"] is not None:
        str(config["strategy"]["name"]), dict(config["strategy"]["options"])


def _whole(number: Any) -> int:
    """Return a count as it is: 2.5, "2" and -1 are none."""
    if isinstance(number, bool) or number != int(number) or number < 0:
        raise ValueError(f"{number!r} is no count")
    return int(number)


def _units(content: Mapping[str, Any]) -> dict[str, int]:
    """Return the units of layers, of which there is at least one."""
    if not content:
        raise ValueError("there are no layers")
    return {str(name): _whole(units) for name, units in content.items()}


def _test(content: Any) -> Test | None:
    """Return an evaluation; None if there is none, or it is not finite."""
    if content is None:
        return None
    test: dict[str, Any] = {
        name: None if content.get(name) is None else float(content[name])
        for name in NUMBERS
    }
    interval = content["interval"]
    if interval is not None:
        low, high = interval
        interval = float(low), float(high)
    numbers = [*test.values(), *(interval or ())]
    if not all(abs(number) < LARGEST for number in numbers if number is not None):
        return None
    if test["mean_return"] is None and test["success"] is None:
        return None
    if test["mean_return"] is not None and test["std_return"] is None:
        raise ValueError("mean_return is without std_return")
    return test | {"interval": interval, "episodes": _whole(content["episodes"])}


def _dated(content: Mapping[str, Any]) -> Test | None:
    """Return an evaluation with the environment steps before it."""
    test, step = _test(content), _whole(content["timesteps"])
    return test and {**test, "timesteps": step}
