"""Screen agents as Saad (2023): python -m benchmarks.screening --budget smoke."""

from __future__ import annotations

import argparse
from collections import defaultdict

from benchmarks.screening.budget import BUDGETS, Budget
from benchmarks.screening.readings import Run, Runs
from benchmarks.screening.running import RESULTS, ROOT, job_of
from sb3_prune.runs import Workers, carry_out, jobs


def main() -> None:
    """Carry out the trainings that are not done yet, then write tables and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", choices=sorted(BUDGETS), default="smoke")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--draw", action="store_true", help="train nothing, only draw")
    options = parser.parse_args()
    budget = BUDGETS[options.budget]
    if not options.draw:
        todo = [job_of(budget, *each) for each in budget.jobs()]
        with Workers(options.workers) as pool:
            carry_out(todo, RESULTS, work=ROOT, executor=pool, desc=budget.name)


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
