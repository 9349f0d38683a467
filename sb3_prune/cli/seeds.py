"""Seeds: the options of ``screen``, which trains many of them.

Nothing here imports torch, as in ``lines``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import combinations, product
from pathlib import Path
from typing import Literal

from sb3_prune.cli.options import NewAgentOptions
from sb3_prune.cli.parsing import flag
from sb3_prune.exceptions import ConfigError, require_at_least, require_finite

Ranges = tuple[range, ...]
"""Seeds that one option names."""
Table = Literal["csv", "parquet"]
"""Value of ``--table``."""
LEAST_STEP = 1e-6
"""Smallest distance of thresholds, as for ``sweep_thresholds``."""
MOST_WORKERS = 1024
"""Largest number of processes; all of them are started."""


@dataclass(frozen=True, kw_only=True)
class ScreenOptions(NewAgentOptions):
    """Measure fresh agents early: would giving up those below a threshold pay?

    Trains an agent of every seed until its task is solved or its steps are spent, and
    measures it in its first steps. The threshold is chosen on the seeds of --seeds and
    judged on those of --test-seeds. Started again with the same options, it goes on
    with what is left. Agents are those of `train --strategy none`.
    """

    env: str = field()
    """Gymnasium id, e.g. CartPole-v1; module:id imports a module first."""
    seeds: str = field()
    """Seeds on which the threshold is chosen, FIRST:END without END, e.g. 0:500; with
    commas between several, e.g. 0:17,18:500 to leave out one that fails."""
    test_seeds: str = field()
    """Seeds on which it is judged, e.g. 500:1000."""
    out: Path = Path("screened")
    """Folder of the results, of an earlier call, too."""
    screener: str = "entropy"
    """What is measured; docs/screening.md lists the screeners."""
    option: tuple[str, ...] = ()
    """Options of the screener, KEY=VALUE or JSON, e.g. window=100 bins=9."""
    timesteps: int = 20_000
    """Environment steps after which an unsolved training ends."""
    level: float | None = None
    """Mean return at which the task is solved; if not given, Gymnasium's."""
    episodes: int = 10
    """Number of last training episodes whose mean return that is."""
    within: tuple[int, ...] = ()
    """Steps within which successes are counted; --timesteps if not given."""
    step: float = 0.01
    """Distance of the thresholds that are tried."""
    env_kwargs: tuple[str, ...] = ()
    """Arguments of the environment, KEY=VALUE or JSON, e.g. goals=full."""
    n_envs: int = 1
    """Number of environments to train in at once."""
    learning_rate: float | None = None
    """Learning rate; if not given, the algorithm's default."""
    algo_kwargs: tuple[str, ...] = ()
    """Other arguments of the algorithm, KEY=VALUE or JSON, e.g. n_steps=50."""
    table: Table = "csv"
    """Kind of the table with a row per seed; parquet needs the extra `parquet`."""
    workers: int = 2
    """Number of processes, with one thread of torch each."""
    scheduler: str | None = None
    """Address of a Dask cluster, e.g. tcp://10.0.0.1:8786, instead of processes."""
    json: bool = False
    """Print JSON."""

    def check(self) -> None:
        """Check the options that can be checked without environment and agent.

        Raises:
            ConfigError: A value is out of range, or a seed is both for choosing and for
                judging.
        """
        for name in ("timesteps", "episodes", "n_envs", "workers"):
            require_at_least(flag(name), getattr(self, name))
        if self.workers > MOST_WORKERS:
            raise ConfigError(
                f"--workers must be at most {MOST_WORKERS}, got {self.workers}."
            )
        if self.level is not None:
            require_finite("--level", self.level, None)
        require_finite("--step", self.step, LEAST_STEP)
        for limit in self.within:
            if not 1 <= limit <= self.timesteps:
                raise ConfigError(
                    f"--within must be from 1 to --timesteps {self.timesteps}, got "
                    f"{limit}."
                )
        train, test = self.ranges()
        if any(_overlap(one, other) for one, other in product(train, test)):
            raise ConfigError(
                f"--seeds {self.seeds} and --test-seeds {self.test_seeds} share seeds: "
                "a threshold is judged on seeds of its own."
            )

    def ranges(self) -> tuple[Ranges, Ranges]:
        """Return the seeds for choosing and those for judging.

        Raises:
            ConfigError: A text does not name seeds.
        """
        return (
            seeds_of("--seeds", self.seeds),
            seeds_of("--test-seeds", self.test_seeds),
        )


def seeds_of(option: str, text: str) -> Ranges:
    """Return the seeds that a text such as ``0:17,18:500`` names, all to 499 but 17.

    Raises:
        ConfigError: It is no such text, or names no seed, one twice, or one that is too
            large.
    """
    found = tuple(_range_of(option, part) for part in text.split(","))
    if any(_overlap(one, other) for one, other in combinations(found, 2)):
        raise ConfigError(f"{option} {text} names a seed twice.")
    return found


def _range_of(option: str, text: str) -> range:
    match = re.fullmatch(r"([0-9]{1,10}):([0-9]{1,10})", text)
    first, end = map(int, match.groups()) if match else (0, 0)
    if not first < end <= 2**32:
        raise ConfigError(
            f"{option} must be FIRST:END with FIRST below END and END at most 2**32, "
            f"e.g. 0:500, or several with commas between; got {text[:40]!r}."
        )
    return range(first, end)


def _overlap(one: range, other: range) -> bool:
    return max(one.start, other.start) < min(one.stop, other.stop)
