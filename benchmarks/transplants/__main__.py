"""Compare transplants with training anew: python -m benchmarks.transplants."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.transplants import digits, figures, page
from benchmarks.transplants.running import RESULTS, job_of
from benchmarks.transplants.tasks import TASKS
from sb3_prune.files import write_text
from sb3_prune.runs import Job, Workers, carry_out, jobs

PAGE = Path("docs/transplant.md")
FIGURE = Path("docs/images/transplants.png")
MARK = "<!-- generated: python -m benchmarks.transplants --draw --publish -->"
"""Marks where the generated part of the page begins."""
JOBS: dict[str, Callable[[int], Job]] = {
    **digits.JOBS,
    **{name: partial(job_of, task) for name, task in TASKS.items()},
}
"""Makers of jobs from seeds, by the names of the tasks."""


def main() -> None:
    """Carry out what is not done yet, then write the tables and the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="*", choices=list(JOBS), default=list(JOBS))
    parser.add_argument("--seeds", nargs="*", type=int, default=list(range(1, 21)))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--publish", action="store_true", help="write into docs/")
    parser.add_argument("--draw", action="store_true", help="train nothing, only draw")
    options = parser.parse_args()
    if not options.draw:
        # All tasks of a seed before the next seed, so that they are equally sure.
        todo = [JOBS[name](seed) for seed in options.seeds for name in options.tasks]
        with Workers(options.workers) as pool:
            carry_out(todo, RESULTS, work="runs/transplants", executor=pool)
    found = results(options.tasks, options.seeds)
    text = page.text(found)
    print(text)
    if options.publish:
        written, mark, _ = PAGE.read_text().partition(MARK)
        write_text(PAGE, f"{written}{mark}\n\n{text}")
        figures.draw(found, FIGURE)


def results(tasks: list[str], seeds: list[int]) -> page.Runs:
    """Return the results that are there, by task."""
    read = {n: [jobs.read(JOBS[n](seed), RESULTS) for seed in seeds] for n in tasks}
    return {name: [r for r in runs if r is not None] for name, runs in read.items()}


if __name__ == "__main__":
    main()
