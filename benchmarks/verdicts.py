"""Verdicts: what is stated, by whom, the rule by which we judge it, and what we find.

Rules are fixed in the code and judged from the kept results, so that a page cannot be
kinder than its data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class Answer(StrEnum):
    """What a verdict can say."""

    HOLDS = "holds"
    FAILS = "**does not hold**"
    OPEN = "**not decidable**"


class Whose(StrEnum):
    """Who makes a statement."""

    PAPER = "the paper's"
    OURS = "ours"
    """We ask it; the paper does not say it, or says it of something else."""
    OTHERS = "others'"
    """Somebody else's, who is named in the statement."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One statement, judged."""

    claim: str
    """What is stated."""
    whose: Whose
    """Who states it."""
    rule: str
    """When we say that it holds."""
    found: str
    """What we measured."""
    answer: Answer
    """The answer that the rule gives."""


def answer(holds: bool, *, decidable: bool = True) -> Answer:
    """Return the answer of a rule.

    Args:
        holds: Whether what the rule asks for was measured.
        decidable: Whether the data suffice to tell.
    """
    if not decidable:
        return Answer.OPEN
    return Answer.HOLDS if holds else Answer.FAILS


def interval(values: Sequence[float], share: float = 0.95) -> tuple[float, float]:
    """Return Student's t-interval of a mean; of a single value, it has no ends.

    Args:
        values: The values, at least one.
        share: Coverage of the interval.
    """
    count, mean = len(values), float(np.mean(values))
    if count == 1:
        return -np.inf, np.inf
    # scipy.stats loads for a second.
    from scipy.stats import t  # noqa: PLC0415

    wide = float(t.ppf((1 + share) / 2, count - 1)) * float(np.std(values, ddof=1))
    return mean - wide / count**0.5, mean + wide / count**0.5


def reaches(values: Sequence[float], bar: float) -> Answer:
    """Answer whether a mean reaches a bar, by its 95 % t-interval.

    An interval on both sides of the bar decides nothing, nor do values that are not
    finite.
    """
    low, high = interval(values)
    if low >= bar:
        return Answer.HOLDS
    return Answer.FAILS if high < bar else Answer.OPEN


def of_all(answers: Sequence[Answer]) -> Answer:
    """Return the answer of a rule that asks for several things at once."""
    if Answer.FAILS in answers:
        return Answer.FAILS
    return Answer.OPEN if Answer.OPEN in answers else Answer.HOLDS


def markdown(title: str, verdicts: Sequence[Verdict]) -> str:
    """Return verdicts as a table in Markdown."""
    columns = ("statement", "whose", "judged by", "we find", "verdict")
    rows = [(v.claim, v.whose, v.rule, v.found, v.answer) for v in verdicts]
    lines = [columns, ("---",) * len(columns), *rows]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"## {title}\n\n{table}\n"
