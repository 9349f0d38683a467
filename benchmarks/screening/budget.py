"""Budgets: which nets, environments and seeds are trained, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

WINDOW = 50
"""Environment steps after which an agent is measured, as in the source."""
ROLLOUT = 5
"""Environment steps of an update: SB3's default for A2C."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A kind of agent in an environment."""

    name: str
    """Name in files and tables."""
    relu: bool
    """Whether ReLU follows the first layer (tanh the second), or tanh follows both."""
    limit: int
    """Steps after which an episode ends: CartPole-v0 is CartPole-v1 that ends at 200;
    its mechanics, rewards and first states are the same."""

    @property
    def screeners(self) -> tuple[str, ...]:
        """Screeners that measure it; guided back-propagation is for ReLU alone."""
        guided = ("guided-entropy",) if self.relu else ()
        return ("entropy", "gradient-entropy", *guided)


SETUPS = {
    setup.name: setup
    for setup in (
        Setup(name="tanh-v0", relu=False, limit=200),
        Setup(name="tanh-v1", relu=False, limit=500),
        Setup(name="relu-v0", relu=True, limit=200),
    )
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """Trainings of a kind of agent."""

    setup: Setup
    """The kind."""
    seeds: range
    """Seeds of the agents."""
    units: bool = True
    """Whether the entropy of every unit is kept."""
    size: int = 25
    """Seeds of a job, whose results are one file."""

    def chunks(self) -> Iterator[range]:
        """Yield the seeds of each job."""
        for first in range(0, len(self.seeds), self.size):
            yield self.seeds[first : first + self.size]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """All trainings of an experiment."""

    name: str
    """Name on the command line."""
    folder: str
    """Folder of its results; ``paper`` goes on from those of ``small``."""
    parts: tuple[Part, ...]
    """The trainings."""
    iterations: int = 5_000
    """Iterations after which an unsolved training ends."""
    judged: bool = True
    """Whether trainings end when they succeed under the chosen reading, and are
    screened. Else all go on to the end of the longest reading."""

    def jobs(self) -> Iterator[tuple[Part, range]]:
        """Yield the seeds of each job, all kinds of agents in turn."""
        chunks = [[(part, seeds) for seeds in part.chunks()] for part in self.parts]
        for turn in range(max(map(len, chunks))):
            yield from (each[turn] for each in chunks if turn < len(each))


def all_setups(seeds: range, size: int = 25) -> tuple[Part, ...]:
    """Return parts of all kinds of agents with the same seeds."""
    return tuple(Part(setup=s, seeds=seeds, size=size) for s in SETUPS.values())


SMALL = all_setups(range(1_000))
MORE = Part(setup=SETUPS["tanh-v0"], seeds=range(1_000, 10_000), units=False, size=100)
BUDGETS: dict[str, Budget] = {
    budget.name: budget
    for budget in (
        Budget(
            name="readings",
            folder="readings",
            parts=all_setups(range(20_000, 20_100), 5),
            judged=False,
        ),
        Budget(
            name="smoke",
            folder="smoke",
            parts=all_setups(range(30_000, 30_004), 2),
            iterations=200,
        ),
        Budget(name="small", folder="runs", parts=SMALL),
        Budget(name="paper", folder="runs", parts=(*SMALL, MORE)),
    )
}
"""Budgets by name. Readings are chosen on seeds of their own, from 20,000 on."""
