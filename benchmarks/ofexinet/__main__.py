"""Reproduce Guenter & Sideris 2025: python -m benchmarks.ofexinet --budget small."""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from benchmarks.ofexinet import figures, page
from benchmarks.ofexinet.budget import BUDGETS, VARIANTS, Budget, Task, Variant
from benchmarks.ofexinet.figures import Found
from benchmarks.ofexinet.results import Results
from benchmarks.ofexinet.running import ROOT, is_grown, read, train, train_trunk
from sb3_prune.files import write_text

Job = tuple[Budget, Task, Variant, int]
Trunk = tuple[Budget, Task, int]
DOCS = Path("docs")
PAGE = DOCS / "ofexinet.md"
MARK = (
    "<!-- generated: python -m benchmarks.ofexinet --budget small --draw --publish -->"
)
"""Marks where the generated part of the page begins."""


def jobs(
    budget: Budget, only: list[str], tasks: list[str], seeds: list[int]
) -> list[Job]:
    """Return the trainings, the most important ones first."""
    return [
        (budget, task, variant, seed)
        for seed in seeds or budget.seeds
        for variant in VARIANTS
        for task in budget.tasks
        if (not only or variant.name in only) and (not tasks or task.label in tasks)
    ]


def trunks(todo: list[Job]) -> list[Trunk]:
    """Return the shared first parts of unfinished trainings, each once.

    Agents that differ only in pruning share their training until pruning begins.
    """
    shared = {
        (task.label, seed): (budget, task, seed)
        for budget, task, variant, seed in todo
        if is_grown(task, variant) and read(budget, task, variant, seed) is None
    }
    return list(shared.values())


def carry_out_trunk(trunk: Trunk) -> None:
    """Carry out the shared first part of several trainings."""
    torch.set_num_threads(1)
    train_trunk(*trunk)


def carry_out(job: Job) -> str:
    """Carry out one training, unless its result is saved; return a line about it."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    last = train(*job)["history"][-1]
    _, task, variant, seed = job
    spent = time.perf_counter() - began
    return (
        f"{task.label} {variant.name}-{seed}: return {last['return']:.5g}, "
        f"d {last['terms']['d']:.0f}, t {last['terms']['t']:.0f}, {spent:.0f} s"
    )


def main() -> None:
    """Carry out the trainings that are not done yet, then write tables and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", choices=sorted(BUDGETS), default="smoke")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="*", default=[], help="names of variants")
    parser.add_argument("--tasks", nargs="*", default=[], help="names of environments")
    parser.add_argument("--seeds", nargs="*", type=int, default=[], help="which agents")
    parser.add_argument("--publish", action="store_true", help="write into docs/")
    parser.add_argument("--draw", action="store_true", help="train nothing, only draw")
    options = parser.parse_args()
    budget = BUDGETS[options.budget]
    if options.publish and budget is not BUDGETS["small"]:
        parser.error("only the small budget is published")
    todo = jobs(budget, options.only, options.tasks, options.seeds)
    if not options.draw:
        with ProcessPoolExecutor(options.workers) as pool:
            list(pool.map(carry_out_trunk, trunks(todo)))
            for line in pool.map(carry_out, todo):
                print(line, flush=True)
    found = results(budget)
    text = page.text(budget, found)
    print(text)
    folder = ROOT / budget.name
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "tables.md", text)
    draw(found, str(folder) + "/")
    if options.publish:
        publish(text)
        draw(found, str(DOCS / "images/ofexinet_"))


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
