"""Side-by-side timing: contenders take turns; results are medians and paired ratios.

Turns and paired ratios cancel slow changes of the machine's speed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger

from sb3_prune.evaluation.intervals import interval

SAID = {True: "holds", False: "**FAILS**", None: "**not decidable**"}


@dataclass
class Table:
    """One benchmark's result: a table, and claims about its numbers."""

    title: str
    columns: list[str]
    rows: list[list[Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    claims: list[tuple[str, bool | None]] = field(default_factory=list)

    def claim(self, text: str, holds: bool | None) -> None:
        """Record whether a claim holds; None says that the data do not decide it."""
        self.claims.append((text, None if holds is None else bool(holds)))

    def markdown(self) -> str:
        """Return the table and its claims as Markdown."""
        lines = [f"## {self.title}", "", "| " + " | ".join(self.columns) + " |"]
        lines.append("|" + "---|" * len(self.columns))
        lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in self.rows]
        lines.append("")
        lines += [f"- {note}" for note in self.notes]
        lines += [f"- {SAID[holds]}: {text}" for text, holds in self.claims]
        return "\n".join([*lines, ""])


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def rates(
    contenders: dict[str, Callable[[], int]],
    rounds: int = 9,
    prepare: Callable[[str], None] = lambda _: None,
) -> dict[str, list[float]]:
    """Time contenders in turns.

    Args:
        contenders: Name -> function that does some work and returns the amount, e.g.
            the number of gradient steps.
        rounds: Number of timed turns of each contender, after one turn to warm up.
        prepare: Called with a contender's name before its turn; not timed.

    Returns:
        Amount of work per second in every round, by name.
    """
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        order = list(contenders)
        for name in order if turn % 2 else order[::-1]:
            prepare(name)
            began = time.perf_counter()
            amount = contenders[name]()
            rate = amount / (time.perf_counter() - began)
            if turn:
                found[name].append(rate)
    return found


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Return the median over the rounds of our rate divided by their rate."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


class Noise(gym.Env[Any, Any]):
    """Random observations of HalfCheetah's size; a step costs next to no time."""

    observation_space = spaces.Box(-1, 1, (17,), np.float32)
    action_space = spaces.Box(-1, 1, (6,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Return a random observation."""
        super().reset(seed=seed)
        return self._observe(), {}

    def _observe(self) -> Any:
        return self.np_random.uniform(-1, 1, 17).astype(np.float32)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Return a random observation and reward."""
        return self._observe(), float(action[0]), False, False, {}


class Pixels(gym.Env[Any, Any]):
    """Random images, by default of Atari's size.

    Args:
        size: Height and width of the images.
    """

    action_space = spaces.Discrete(6)

    def __init__(self, size: int = 84) -> None:
        self.observation_space = spaces.Box(0, 255, (4, size, size), np.uint8)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Return a random image."""
        super().reset(seed=seed)
        return self._observe(), {}

    def _observe(self) -> Any:
        shape = self.observation_space.shape
        return self.np_random.integers(0, 256, shape, np.uint8)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Return a random image and a reward."""
        return self._observe(), float(action), False, False, {}


def ready(model: BaseAlgorithm, steps: int = 300) -> BaseAlgorithm:
    """Let a model learn for some steps without logging, which also fills its buffer."""
    model.set_logger(Logger(None, []))
    model.learn(steps)
    return model


def interval_text(values: Sequence[float]) -> str:
    """Return the 95 % interval of a mean as text; of one value there is none."""
    found = interval(values)
    return "-" if found is None else f"{found[0]:.0f} to {found[1]:.0f}"


def spread(values: Iterable[float], text: str = "{:.0f}") -> str:
    """Return the mean and the range of some numbers as text."""
    listed = list(values)
    shown = [text.format(v) for v in (np.mean(listed), min(listed), max(listed))]
    return f"{shown[0]} ({shown[1]}-{shown[2]})"
