"""Compare methods of pruning: python -m benchmarks.shootout --budget smoke."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.shootout import figures, page
from benchmarks.shootout.budget import BUDGETS, Budget
from benchmarks.shootout.running import RESULTS, ROOT, job_of
from sb3_prune.files import write_text
from sb3_prune.runs import Job, Workers, carry_out, jobs

DOCS = Path("docs")
PAGE = DOCS / "shootout.md"
MARK = (
    "<!-- generated: python -m benchmarks.shootout --budget small --draw --publish -->"
)
"""Marks where the generated part of the page begins."""


def main() -> None:
    """Carry out the trainings that are not done yet, then write tables and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", choices=sorted(BUDGETS), default="smoke")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--envs", nargs="*", default=[], help="ids of environments")
    parser.add_argument("--methods", nargs="*", default=[], help="names of methods")
    parser.add_argument("--seeds", nargs="*", type=int, default=[])
    parser.add_argument("--publish", action="store_true", help="write into docs/")
    parser.add_argument("--draw", action="store_true", help="train nothing, only draw")
    options = parser.parse_args()
    budget = BUDGETS[options.budget]
    if options.publish and options.budget != "small":
        parser.error("only the small budget is published")
    if not options.draw:
        todo = [
            job_of(budget, *training)
            for training in budget.trainings()
            if not options.envs or training[0].env in options.envs
            if not options.methods or training[1].name in options.methods
            if not options.seeds or training[3] in options.seeds
        ]
        with Workers(options.workers) as pool:
            carry_out(todo, RESULTS, work=ROOT, executor=pool, on_result=tell)
    found = results(budget)
    text = page.text(budget, found)
    print(text)
    folder = ROOT / budget.name
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "tables.md", text)
    draw(budget, found, f"{folder}/")
    if options.publish:
        written, mark, _ = PAGE.read_text().partition(MARK)
        write_text(PAGE, f"{written}{mark}\n\n{published()}")
        draw(budget, found, str(DOCS / "images/shootout_"))


def published() -> str:
    """Return the generated part of the page: the small budget, and trials of dsp."""
    small, tried = (
        page.text(BUDGETS[name], results(BUDGETS[name])) for name in ("small", "trials")
    )
    heading = "Settings of `dsp` that were tried (seeds from 101 on; none is a result)"
    return f"{small}\n## {heading}\n\n{tried}"


def tell(job: Job, result: Mapping[str, Any]) -> None:
    """Print a line about a training that has ended."""
    tqdm.write(f"{job.name}: return {result['return']:.5g}")


def results(budget: Budget) -> page.Runs:
    """Return the results of all finished trainings."""
    found: dict[tuple[str, str, float], list[Mapping[str, Any]]] = defaultdict(list)
    for task, method, sparsity, seed in budget.trainings():
        result = jobs.read(job_of(budget, task, method, sparsity, seed), RESULTS)
        if result is not None:
            found[task.env, method.name, sparsity].append(result)
    return dict(found)


def draw(budget: Budget, found: page.Runs, prefix: str) -> None:
    """Draw the figures to files whose names begin with the prefix, if there are any."""
    if not figures.panels(budget, found):
        return
    for make in (figures.returns, figures.layers, figures.sparsities, figures.heatmaps):
        make(budget, found, Path(f"{prefix}{make.__name__}.png"))


if __name__ == "__main__":
    main()
