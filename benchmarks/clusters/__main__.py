"""Reproduce Feldotto et al. 2022: ``python -m benchmarks.clusters --budget small``."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from benchmarks.clusters import looking, mapping, page, run_cases
from benchmarks.clusters.agents import folder_of
from benchmarks.clusters.budget import BUDGETS
from sb3_prune.runs import Workers

HEAD = """# Feldotto et al. 2022, reproduced

`python -m benchmarks.clusters --budget {budget}`: {agents} agents per setting, stock
DQN over all 3^n joint moves, six hidden ReLU layers, Xavier start, softmax exploration.
Means with the range in brackets. The paper trained 20 agents per setting.

"""


def main() -> None:
    """Carry out the experiments that are not done yet; write tables and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", choices=sorted(BUDGETS), default="smoke")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    budget = BUDGETS[options.budget]
    torch.set_num_threads(1)
    folder = folder_of(budget)
    folder.mkdir(parents=True, exist_ok=True)
    with Workers(options.workers) as pool:
        run_cases.carry_out(budget, pool)
        maps = mapping.carry_out(budget, pool)
    tables = [
        page.agents(budget),
        page.distances(looking.carry_out(budget, folder)),
        page.thresholds(budget, folder),
        page.rounds(budget, folder),
        page.maps(maps, folder),
    ]
    text = HEAD.format(budget=budget.name, agents=budget.agents)
    text += "\n".join(table.markdown() for table in tables)
    Path(folder, "tables.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
