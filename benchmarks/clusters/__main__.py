"""Reproduce Feldotto et al. 2022: ``python -m benchmarks.clusters --budget small``."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch

from benchmarks.clusters import looking, mapping, page, run_cases, scratch
from benchmarks.clusters.agents import folder_of
from benchmarks.clusters.budget import BUDGETS
from sb3_prune.files import write_text
from sb3_prune.runs import Workers

PAGE = Path("docs/clusters.md")
MARK = (
    "<!-- generated: python -m benchmarks.clusters --budget small --draw --publish -->"
)
"""Marks where the generated part of the page begins."""


def main() -> None:
    """Carry out the experiments that are not done yet; write tables and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", choices=sorted(BUDGETS), default="smoke")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--publish", action="store_true", help="write into docs/")
    parser.add_argument("--draw", action="store_true", help="train nothing, only draw")
    options = parser.parse_args()
    budget = BUDGETS[options.budget]
    if options.publish and budget is not BUDGETS["small"]:
        parser.error("only the small budget is published")
    torch.set_num_threads(1)
    folder = folder_of(budget)
    folder.mkdir(parents=True, exist_ok=True)
    if not options.draw:
        with Workers(options.workers) as pool:
            run_cases.carry_out(budget, pool)
            scratch.carry_out(budget, pool)
            mapping.carry_out(budget, pool)
            looking.carry_out(budget, pool)
        looking.draw(budget, folder)
    text = page.text(budget, folder)
    write_text(folder / "tables.md", text)
    print(text)
    if options.publish:
        publish(text, folder)


def publish(text: str, folder: Path) -> None:
    """Write the tables below the written part of the page, and copy the figures."""
    written, mark, _ = PAGE.read_text().partition(MARK)
    write_text(PAGE, f"{written}{mark}\n\n{text}")
    for figure in folder.glob("clusters_*.png"):
        shutil.copy(figure, PAGE.parent / "images")


if __name__ == "__main__":
    main()
