"""Screen agents as Saad (2023): python -m benchmarks.screening --budget smoke."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks.screening import figures, page
from benchmarks.screening.budget import BUDGETS, Budget
from benchmarks.screening.experiments import Found, found
from benchmarks.screening.readings import Run, Runs
from benchmarks.screening.running import RESULTS, ROOT, job_of
from sb3_prune.files import write_text
from sb3_prune.runs import Workers, carry_out, jobs

DOCS = Path("docs")
PAGE = DOCS / "screening.md"
MARK = "<!-- generated: python -m benchmarks.screening --draw --publish -->"
"""Marks where the generated part of the page begins."""
IMAGES = DOCS / "images"
SHOWN = ("tanh-v0, entropy", "relu-v0, guided-entropy")
"""Experiments whose figures are on the page."""


def main() -> None:
    """Carry out the trainings that are not done yet, then write tables and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", choices=sorted(BUDGETS), default="smoke")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--draw", action="store_true", help="train nothing, only draw")
    parser.add_argument("--publish", action="store_true", help="write into docs/")
    options = parser.parse_args()
    budget = BUDGETS[options.budget]
    if not options.draw:
        todo = [job_of(budget, *each) for each in budget.jobs()]
        with Workers(options.workers) as pool:
            carry_out(todo, RESULTS, work=ROOT, executor=pool, desc=budget.name)
    judged = experiments()
    text = page.text(results(BUDGETS["readings"]), judged)
    print(text)
    ROOT.mkdir(parents=True, exist_ok=True)
    write_text(ROOT / "tables.md", text)
    figures.draw(judged, ROOT)
    if options.publish:
        figures.draw(shown(judged), IMAGES)
        written, mark, _ = PAGE.read_text("utf-8").partition(MARK)
        write_text(PAGE, f"{written}{mark}\n\n{published()}")


def experiments() -> list[Found]:
    """Judge all experiments of which there are results."""
    return found(results(BUDGETS["small"]), results(BUDGETS["paper"]))


def shown(judged: Sequence[Found]) -> list[Found]:
    """Return the experiments whose figures are on the page."""
    few = [each for each in judged if not each.experiment.large]
    return [each for each in few if each.experiment.name in SHOWN]


def published() -> str:
    """Return the generated part of the page."""
    judged = experiments()
    text = page.text(results(BUDGETS["readings"]), judged)
    pictures = "".join(
        f"\n![{each.experiment.name}: {what}](images/{path.name})"
        for each in shown(judged)
        for what, path in zip(figures.WHAT, figures.paths(each), strict=True)
    )
    return f"{text}{pictures}\n" if pictures else text


def results(budget: Budget) -> Runs:
    """Return what is there of all seeds, by kind of agent."""
    found: dict[str, list[Run]] = defaultdict(list)
    for part, seeds in budget.jobs():
        result = jobs.read(job_of(budget, part, seeds), RESULTS)
        if result is not None:
            found[part.setup.name] += result["runs"]
    return dict(found)


if __name__ == "__main__":
    main()
