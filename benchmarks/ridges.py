"""Ridges: what the fits of compensated cuts gain from ridges below 1e-3, and cost.

``python -m benchmarks ridges --agents FOLDER``. Agents that others trained play eight
episodes; three quarters of their states are for the fit, the others for the measures.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import torch

from benchmarks.agents.finding import find
from benchmarks.agents.loading import Agent, open_agent
from benchmarks.agents.playing import FIT_SEED
from benchmarks.harness import Table
from sb3_prune.compensation import fitting
from sb3_prune.compensation.movement import Movement, respond
from sb3_prune.compensation.proposing import carry_out, propose
from sb3_prune.files import write_text
from sb3_prune.pruning import look_at, make_strategy
from sb3_prune.recording.observations import count_observations
from sb3_prune.recording.playing import play_inputs
from sb3_prune.recording.samples import part
from sb3_prune.surgery.flow.forwards import Inputs

AGENTS = (
    "a2c/LunarLander-v2_1",
    "dqn/LunarLander-v2_1",
    "ppo/BipedalWalker-v3_1",
    "ppo/HalfCheetah-v3_1",
    "ppo/Hopper-v3_1",
    "ppo/LunarLander-v2_1",
    "sac/HalfCheetah-v3_1",
    "sac/Hopper-v3_1",
)
STRATEGIES, SHARES, EPISODES = ("magnitude", "reconstruct"), (0.5, 0.7), 8
SMALL = tuple(10.0**power for power in range(-8, 0))
"""Ridges to choose from until decision 183."""
RESULT = Path("benchmarks/results/ridges.json")


@contextmanager
def among(ridges: tuple[float, ...]) -> Iterator[None]:
    """Let fits choose among these ridges."""
    before, fitting.RIDGES = fitting.RIDGES, ridges
    try:
        yield
    finally:
        fitting.RIDGES = before


def cut(
    agent: Agent, strategy: str, share: float, fit: Inputs, test: Inputs
) -> tuple[Movement, float]:
    """Cut all networks of an agent; return how far outputs moved, and the largest norm.

    Args:
        agent: The agent; it is loaded anew.
        strategy: Name of the strategy.
        share: Share of the units that go.
        fit: Inputs for the fit.
        test: Inputs for the measures.
    """
    model: Any = agent.load(agent.env(1))
    view = replace(look_at(model, progress=1.0), inputs=lambda: fit)
    before = respond(model.policy, test)
    made = make_strategy(strategy, {"final_sparsity": share, "compensate": True})
    made.attach(view)
    carry_out(view, propose(made, view))
    made.detach()
    weights = [p for p in model.policy.parameters() if p.dim() > 1]
    return before.moved(respond(model.policy, test)), max(
        float(w.norm()) for w in weights
    )


def rows(agent: Agent) -> Iterator[list[Any]]:
    """Yield the rows of an agent."""
    env = agent.env(EPISODES)
    env.seed(FIT_SEED)
    played = play_inputs(agent.load(env), env, episodes=EPISODES)
    count = count_observations(played.observations)
    index = torch.arange(count)
    fit, test = (
        part(played, index[s]) for s in (index < 0.75 * count, index >= 0.75 * count)
    )
    for strategy, share in product(STRATEGIES, SHARES):
        cells = []
        for ridges in (SMALL, fitting.RIDGES):
            with among(ridges):
                moved, norm = cut(agent, strategy, share, fit, test)
            kl = "-" if moved.kl is None else f"{moved.kl:.4f}"
            cells.append([f"{moved.actions:.4f}", kl, f"{norm:.1f}"])
        pairs = (f"{a} / {b}" for a, b in zip(*cells, strict=True))
        yield [agent.name, strategy, f"{share:.0%}", *pairs]


def main(arguments: Sequence[str]) -> None:
    """Measure all agents, and write the table."""
    parser = argparse.ArgumentParser("benchmarks ridges", description=__doc__)
    parser.add_argument("--agents", type=Path, required=True)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    named = {found.name: found for found in find(options.agents)}
    table = Table(
        "(s) Fits with ridges from 1e-8 / from 1e-3 on, on fresh observations",
        [
            "agent",
            "strategy",
            "gone",
            "actions moved",
            "KL",
            "largest norm of a weight",
        ],
    )
    for name in AGENTS:
        table.rows += rows(open_agent(named[name]))
    print(table.markdown())
    write_text(RESULT, json.dumps(asdict(table), indent=1))
