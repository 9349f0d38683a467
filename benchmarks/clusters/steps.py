"""Steps: how many gradient steps agents took until they passed their test.

An agent that was given up has no such number: its steps are shown apart, and are in no
mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.harness import spread

Tries = Sequence[tuple[bool, float]]
"""Whether an agent passed, and its gradient steps until then or until it was given up.

One pair for each agent.
"""


def of_passed(tries: Tries) -> list[float]:
    """Return the gradient steps of those that passed."""
    return [steps for passed, steps in tries if passed]


def given_up(tries: Tries) -> list[float]:
    """Return the gradient steps after which the others were given up."""
    return [steps for passed, steps in tries if not passed]


def mean(tries: Tries) -> float:
    """Return the mean gradient steps of those that passed; NaN if none did."""
    found = of_passed(tries)
    return float(np.mean(found)) if found else float("nan")


def text(tries: Tries, form: str = "{:.0f}", among: int | None = None) -> str:
    """Return mean and range of those that passed, then what became of the others.

    Args:
        tries: The agents.
        form: Format of a number.
        among: Number of all agents, if not all of them got so far.
    """
    found = of_passed(tries)
    shown = spread(found, form) if found else "none passed"
    if found and len(found) < (among or 0):
        shown += f" of {len(found)}"
    return shown + rest(tries, form)


def rest(tries: Tries, form: str = "{:.0f}") -> str:
    """Return how many were given up and after how many steps; nothing if none were."""
    lost = given_up(tries)
    if not lost:
        return ""
    ends = [form.format(end) for end in sorted({min(lost), max(lost)})]
    return f", {len(lost)} given up after {' to '.join(ends)}"
