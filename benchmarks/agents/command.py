"""``python -m benchmarks agents --agents FOLDER``: prune agents that others trained.

A stopped run goes on behind its last cell. Cells that failed are tried again.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.agents import figures, page
from benchmarks.agents.cutting import METHODS, SHARES, Cutter, offered, size
from benchmarks.agents.finding import AgentError, Found, find
from benchmarks.agents.loading import Agent, open_agent
from benchmarks.agents.playing import FIT_SEED, RandomPolicy, mean_return
from benchmarks.agents.sheets import Sheet, read_all
from sb3_prune.files import write_text

RESULTS = Path("benchmarks/results/agents")
PICTURE = Path("docs/images/agents.png")
COMPENSATE = "compensate"
Cell = tuple[str, float]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser("benchmarks agents", description=__doc__)
    made.add_argument("--agents", type=Path, help="folder ALGO/ENV_1/ENV.zip")
    made.add_argument("--draw", action="store_true", help="play nothing, only draw")
    made.add_argument("--episodes", type=int, default=20, help="episodes to score")
    made.add_argument("--watched", type=int, default=10, help="episodes to look at")
    made.add_argument("--results", type=Path, default=RESULTS)
    made.add_argument("--picture", type=Path, default=PICTURE)
    made.add_argument(
        "--only",
        nargs="*",
        default=[],
        metavar="WORD",
        help="shares (0.5), methods (random, 'random, compensate', or compensate for "
        "all of these; none for the dense agents), parts of agents' names (ppo/Hopper)",
    )
    return made


def chosen(only: Sequence[str]) -> tuple[list[str], list[Cell]]:
    """Return the parts of agents' names, and the cells, that are asked for."""
    shares = [float(word) for word in only if _is_number(word)]
    words = [word for word in only if not _is_number(word)]
    known = {*METHODS, COMPENSATE, "none"}
    asked = [word for word in words if word in known]
    methods = [m for m in METHODS if {m, m.rpartition(", ")[2]} & {*asked}]
    cells = [
        (method, share)
        for share in shares or SHARES
        for method in (methods if asked else METHODS)
        if offered(method)
    ]
    return [word for word in words if word not in known], cells


def try_agent(found: Found, sheet: Sheet, cells: list[Cell]) -> None:
    """Do the cells of one agent that are not done yet."""
    todo = [cell for cell in cells if not sheet.has(*cell)]
    if "dense" in sheet.content and not todo:
        return
    try:
        agent = open_agent(found)
    except AgentError as error:
        sheet.refuse(str(error))
        print(f"{found.name}: not tried, {error}", flush=True)
        return
    sheet.content.pop("reason", None)
    _play(agent, sheet, todo)


def _play(agent: Agent, sheet: Sheet, todo: list[Cell]) -> None:
    """Play the agent dense if needed, then pruned in all the ways asked for."""
    settings = sheet.content["settings"]
    env = agent.env(settings["episodes"])
    if "dense" not in sheet.content:
        _refer(agent, sheet, env)
    watched = agent.env(settings["watched"])
    cutter = Cutter(watched, settings["watched"])
    for method, share in todo:
        cell = _cell(agent, cutter, env, method, share)
        sheet.put(method, share, cell)
        outcome = cell.get("error") or f"{cell['return']:.1f}"
        print(f"{agent.name}, {method}, {share:.0%}: {outcome}", flush=True)
    env.close()
    watched.close()


def _refer(agent: Agent, sheet: Sheet, env: Any) -> None:
    """Play the dense agent and random actions, in the episodes that are scored."""
    dense = agent.load(env)
    sheet.content |= {
        "env": agent.env_id,
        "dense": {**mean_return(dense, env), **size(dense)},
        "random": mean_return(RandomPolicy(env), env),
    }
    sheet.save()
    means = [sheet.content[name]["return"] for name in ("dense", "random")]
    print(f"{agent.name}: dense {means[0]:.1f}, random {means[1]:.1f}", flush=True)


def _cell(
    agent: Agent, cutter: Cutter, env: Any, method: str, share: float
) -> dict[str, Any]:
    """Prune a fresh copy and let it play; a failure is a result, too."""
    model = agent.load(env)
    try:
        found = cutter.cut(model, method, share)
        return {**found, **mean_return(model, env)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _is_number(word: str) -> bool:
    return word.replace(".", "", 1).isdigit()


def main(arguments: Sequence[str]) -> None:
    """Prune what is asked for, then write the tables and the picture of all results."""
    options = parser().parse_args(arguments)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    settings = {
        "episodes": options.episodes,
        "watched": options.watched,
        "fit_seed": FIT_SEED,
    }
    if not options.draw:
        if options.agents is None:
            parser().error("--agents FOLDER is needed")
        parts, cells = chosen(options.only)
        for found in find(options.agents):
            if not parts or any(part in found.name for part in parts):
                try_agent(found, Sheet(options.results, found, settings), cells)
    sheets = read_all(options.results)
    write_text(options.results / "agents.md", page.text(sheets))
    figures.draw(sheets, options.picture)
    print(page.medians([s for s in sheets if "dense" in s]).markdown())
