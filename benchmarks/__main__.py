"""Run the benchmarks: ``python -m benchmarks [NAME ...]``.

Benchmarks of hours have options of their own: ``python -m benchmarks lunar --help``.
"""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import stable_baselines3
import torch

from benchmarks.harness import Table

RUNS = {
    "gates": ("gates", "run"),
    "speed": ("cutting", "run_speed"),
    "cost": ("cutting", "run_cost"),
    "arms": ("arms", "run"),
    "latency": ("latency", "run"),
    "distances": ("distances", "run"),
    "lasso": ("lasso", "run"),
    "features": ("ofexinet.cost", "run"),
    "flow": ("flow.counting", "run"),
    "tracing": ("flow.pricing", "run"),
    "pixels": ("pixels", "run"),
    "startup": ("startup", "run"),
    "penalty": ("penalty", "run"),
    "screening-cost": ("screening_cost", "run"),
    "exporting": ("exporting", "run"),
    "cores": ("cores", "run"),
}
"""Benchmark name -> module and function; the module is imported when it is run."""
COMMANDS = {
    "agents": "agents.command",
    "lunar": "lunar",
    "retrain": "retrain",
    "ridges": "ridges",
    "scratch": "agents.scratch",
}
"""Benchmark with options of its own -> module, whose ``main`` gets the options."""
RESULTS = Path("benchmarks/results")
PAGE = Path("docs/benchmarks.md")
HEAD = """# Benchmarks

Measured by `python -m benchmarks`, contenders taking turns in one run on {machine}, one
torch thread, torch {torch}, stable-baselines3 {sb3}. Times are medians,
ratios medians of paired rounds, returns means. The machine is shared: trust ratios,
not absolute figures.
"""


def table_of(name: str) -> Table | None:
    """Return the last saved result of a benchmark, or None."""
    path = RESULTS / f"{name}.json"
    return Table(**json.loads(path.read_text())) if path.exists() else None


def main(names: list[str]) -> None:
    """Run the named benchmarks (by default all), and rewrite the page."""
    torch.set_num_threads(1)
    RESULTS.mkdir(exist_ok=True)
    if names and names[0] in COMMANDS:
        import_module(f"benchmarks.{COMMANDS[names[0]]}").main(names[1:])
        write_page()
        return
    for name in names or RUNS:
        if name not in RUNS:
            known = ", ".join([*RUNS, *COMMANDS])
            sys.exit(f"Unknown benchmark '{name}'. Known: {known}.")
        module, function = RUNS[name]
        table = getattr(import_module(f"benchmarks.{module}"), function)()
        (RESULTS / f"{name}.json").write_text(json.dumps(asdict(table), indent=1))
        print(table.markdown())
    write_page()


def write_page() -> None:
    """Write the page of all results that are saved."""
    tables = [table_of(name) for name in (*RUNS, *COMMANDS)]
    head = HEAD.format(
        machine=f"{platform.machine()} {platform.system()}",
        torch=torch.__version__,
        sb3=stable_baselines3.__version__,
    )
    PAGE.write_text("\n".join([head, *[t.markdown() for t in tables if t is not None]]))


if __name__ == "__main__":
    main(sys.argv[1:])
