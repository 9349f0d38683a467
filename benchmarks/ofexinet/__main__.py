"""Reproduce Guenter & Sideris 2025: python -m benchmarks.ofexinet --budget small."""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from benchmarks.ofexinet import figures, page
from benchmarks.ofexinet.budget import BUDGETS, VARIANTS, Budget, Task, Variant
from benchmarks.ofexinet.figures import Found
from benchmarks.ofexinet.results import Results
from benchmarks.ofexinet.running import (
    RESULTS,
    ROOT,
    is_grown,
    job_of,
    read,
    trunk_job,
)
from sb3_prune.files import write_text
from sb3_prune.runs import Job, Workers, carry_out
from sb3_prune.runs.jobs import Result

Training = tuple[Budget, Task, Variant, int]
DOCS = Path("docs")
PAGE = DOCS / "ofexinet.md"
MARK = (
    "<!-- generated: python -m benchmarks.ofexinet --budget small --draw --publish -->"
)
"""Marks where the generated part of the page begins."""


def trainings(
    budget: Budget, only: list[str], tasks: list[str], seeds: list[int]
) -> list[Training]:
    """Return the trainings, the most important ones first."""
    return [
        (budget, task, variant, seed)
        for seed in seeds or budget.seeds
        for variant in VARIANTS
        for task in budget.tasks
        if variant.name in (only or budget.variants)
        and (not tasks or task.label in tasks)
    ]


def trunks(todo: list[Training]) -> list[Job]:
    """Return the shared first parts of unfinished trainings, each once.

    Agents that differ only in pruning share their training until pruning begins.
    """
    shared = {
        (task.label, seed): trunk_job(budget, task, seed)
        for budget, task, variant, seed in todo
        if is_grown(task, variant) and read(budget, task, variant, seed) is None
    }
    return list(shared.values())


def tell(job: Job, result: Result) -> None:
    """Print a line about a training that has ended."""
    last = result["history"][-1]
    terms = last["terms"]
    tqdm.write(
        f"{job.name}: return {last['return']:.5g}, d {terms['d']:.0f}, "
        f"t {terms['t']:.0f}, {last['seconds']:.0f} s"
    )


def main() -> None:
    """Carry out the trainings that are not done yet, then write tables and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", choices=sorted(BUDGETS), default="smoke")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=[], help="names of variants")
    parser.add_argument("--tasks", nargs="*", default=[], help="names of environments")
    parser.add_argument("--seeds", nargs="*", type=int, default=[], help="which agents")
    parser.add_argument("--publish", action="store_true", help="write into docs/")
    parser.add_argument("--draw", action="store_true", help="train nothing, only draw")
    options = parser.parse_args()
    budget = BUDGETS[options.budget]
    if options.publish and budget is not BUDGETS["small"]:
        parser.error("only the small budget is published")
    todo = trainings(budget, options.only, options.tasks, options.seeds)
    if not options.draw:
        with Workers(options.workers) as pool:
            carry_out(trunks(todo), ROOT, executor=pool, desc="first parts")
            jobs = [job_of(*training) for training in todo]
            carry_out(jobs, RESULTS, work=ROOT, executor=pool, on_result=tell)
    found = results(budget)
    text = page.text(budget, found)
    print(text)
    folder = ROOT / budget.name
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "tables.md", text)
    draw(found, str(folder) + "/")
    if options.publish:
        publish(whole_text())
        draw(found, str(DOCS / "images/ofexinet_"))


def whole_text() -> str:
    """Return the generated part of the page: the small budget, then further ones."""
    small = BUDGETS["small"]
    more = [BUDGETS[name] for name in ("hopper", "drawing")]
    text = page.text(small, results(small))
    return text + "".join(page.further(budget, results(budget)) for budget in more)


def results(budget: Budget) -> Found:
    """Return the results of all finished trainings."""
    found = {task.label: Results(budget, task) for task in budget.tasks}
    return {task: variants for task, variants in found.items() if variants}


def draw(found: Found, prefix: str) -> None:
    """Draw the figures to files whose names begin with the prefix."""
    for make in (figures.returns, figures.blocks, figures.tiles):
        make(found, Path(f"{prefix}{make.__name__}.png"))


def publish(text: str) -> None:
    """Write the tables into the documentation, below the part written by hand."""
    written, mark, _ = PAGE.read_text().partition(MARK)
    write_text(PAGE, f"{written}{mark}\n\n{text}")


if __name__ == "__main__":
    main()
