"""Verdicts: what a source says, the rule by which we judge it, and what we find.

Rules are fixed in the code and judged from the kept results, so that a page cannot be
kinder than its data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """What a verdict can say."""

    HOLDS = "holds"
    FAILS = "**does not hold**"
    OPEN = "**not decidable**"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One statement of a source, judged."""

    claim: str
    """What the source says."""
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


def markdown(title: str, verdicts: Sequence[Verdict]) -> str:
    """Return verdicts as a table in Markdown."""
    columns = ("the paper says", "judged by", "we find", "verdict")
    rows = [(v.claim, v.rule, v.found, v.answer) for v in verdicts]
    lines = [columns, ("---",) * len(columns), *rows]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"## {title}\n\n{table}\n"
