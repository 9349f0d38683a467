"""Whole agents that others trained: half of the units goes, then training goes on.

``python -m benchmarks retrain --agents FOLDER``. The dense agent fills the replay
buffer, then it, or what pruning leaves of it, trains on. Compensated cuts are fitted on
the replay buffer, or on ten episodes of play. Finished trainings are only read.
Settings were chosen on seeds 3 and 4.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.logger import Logger

import sb3_prune as sp
from benchmarks.agents.finding import find
from benchmarks.agents.loading import Agent, open_agent
from benchmarks.agents.playing import FIT_SEED, TEST_SEED
from benchmarks.harness import Table, interval_text
from sb3_prune.evaluation.episodes import play
from sb3_prune.files import write_text

AGENTS = ("sac/HalfCheetah-v3_1", "dqn/LunarLander-v2_1")
HALF: dict[str, Any] = {"final_sparsity": 0.5}
FITTED = HALF | {"compensate": True}
CRITICS = ("critic.qf0", "critic.qf1")
VARIANTS: dict[str, tuple[str, dict[str, Any], bool, int] | None] = {
    "dense": None,
    "magnitude": ("magnitude", HALF | {"compensate": False}, False, 0),
    "compensate": ("magnitude", FITTED, True, 0),
    "compensate-buffer": ("magnitude", FITTED, False, 0),
    "reconstruct": ("reconstruct", HALF, True, 0),
    "reconstruct-buffer": ("reconstruct", HALF, False, 0),
    "distilled": ("reconstruct", HALF, False, 2000),
    "actor": ("reconstruct", HALF | {"networks": ("actor",)}, False, 0),
    "critics": ("reconstruct", HALF | {"networks": CRITICS}, False, 0),
    "critics-30": (
        "reconstruct",
        {"final_sparsity": 0.3, "networks": CRITICS},
        False,
        0,
    ),
}
"""Variant -> strategy, its options, whether the agent plays to get the
observations of the fit, and updates of distillation; None: not pruned."""
NAMES = {
    "compensate": "magnitude, fitted on play",
    "compensate-buffer": "magnitude, fitted on the buffer",
    "reconstruct": "reconstruct, fitted on play",
    "reconstruct-buffer": "reconstruct, fitted on the buffer",
    "distilled": "reconstruct, then 2,000 updates of distillation",
    "actor": "reconstruct, the actor alone",
    "critics": "reconstruct, the critics alone",
    "critics-30": "reconstruct, 30 % of the critics alone",
}
STEPS, FILLED = 10_000, 10_000
"""Steps of training on, and of the dense agent's play before, without learning."""
EPISODES, WATCHED = 20, 10
RUNS = Path("runs/retrain")
RESULT = Path("benchmarks/results/retrain.json")


def prepared(agent: Agent, seed: int) -> Any:
    """Load an agent with its own hyperparameters, and let it fill its replay buffer.

    Exploration stays where training ended.
    """
    env = agent.env(1)
    data = agent.found.data()
    own: dict[str, Any] = {"learning_starts": 0, "seed": seed, "tensorboard_log": None}
    own["buffer_size"] = min(int(data["buffer_size"]), STEPS + FILLED)
    if "exploration_final_eps" in data:
        own["exploration_initial_eps"] = data["exploration_final_eps"]
    model: Any = agent.load(env, learning=True, **own)
    model.set_logger(Logger(None, []))
    steps, model.gradient_steps = model.gradient_steps, 0
    model.learn(FILLED)
    model.gradient_steps = steps
    return model


def prune(model: Any, agent: Agent, variant: str) -> None:
    """Remove units from all networks, as a variant says."""
    if (found := VARIANTS[variant]) is None:
        return
    strategy, options, plays, updates = found
    if not plays:
        sp.prune(model, strategy, options, distil_updates=updates)
        return
    env = agent.env(WATCHED)
    env.seed(FIT_SEED)
    sp.prune(model, strategy, options, env=env, episodes=WATCHED)
    env.close()


def returns(model: Any, agent: Agent, seed: int) -> list[float]:
    """Play the greedy episodes that are scored."""
    env = agent.env(EPISODES)
    done = play(model, env, episodes=EPISODES, seed=TEST_SEED + 1000 * seed)
    env.close()
    return [float(episode.total) for episode in done]


def train(agent: Agent, variant: str, seed: int, steps: int) -> dict[str, Any]:
    """Prune an agent and train it on; return what it is worth before and after."""
    model = prepared(agent, seed)
    prune(model, agent, variant)
    found = {"before": returns(model, agent, seed), **sp.complexity(model).to_dict()}
    if steps:
        model.learn(steps, reset_num_timesteps=False)
    return {**found, "after": returns(model, agent, seed)}


def path_of(agent: Agent, variant: str, seed: int, options: Any) -> Path:
    """Return where the result of a training is kept."""
    name = agent.name.replace("/", "-")
    return Path(options.runs, str(options.steps), name, f"{variant}-{seed}.json")


def finished(agent: Agent, variant: str, seed: int, options: Any) -> dict[str, Any]:
    """Return the result of a training; train only if no earlier call has saved it."""
    path = path_of(agent, variant, seed, options)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        found = train(agent, variant, seed, options.steps)
        write_text(path, json.dumps(found, indent=1))
    saved: dict[str, Any] = json.loads(path.read_text())
    after = np.mean(saved["after"])
    print(f"{agent.name}, {variant}-{seed}: {after:.1f}", flush=True)
    return saved


def table(agents: Sequence[Agent], options: Any) -> Table:
    """Compare the agents before and after training on, as far as they are trained."""
    count = len(options.seeds) * EPISODES
    made = Table(
        f"(m) Half of all units gone, then {options.steps:,} steps of training; "
        f"{count} greedy episodes",
        ["agent", "", "parameters", "before", "after", "95 % interval", "per seed"],
    )
    for agent in agents:
        for variant in VARIANTS:
            paths = [path_of(agent, variant, seed, options) for seed in options.seeds]
            if not all(path.exists() for path in paths):
                continue
            runs = [finished(agent, variant, seed, options) for seed in options.seeds]
            made.rows.append([agent.name, NAMES.get(variant, variant), *_row(runs)])
    return made


def _row(runs: list[dict[str, Any]]) -> list[Any]:
    before, after = ([r for run in runs for r in run[w]] for w in ("before", "after"))
    each = ", ".join(f"{np.mean(run['after']):.0f}" for run in runs)
    means = [f"{np.mean(values):.0f}" for values in (before, after)]
    return [runs[0]["params_train"], *means, interval_text(after), each]


def main(arguments: Sequence[str]) -> None:
    """Train what is asked for, and write the table."""
    parser = argparse.ArgumentParser("benchmarks retrain", description=__doc__)
    parser.add_argument("--agents", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=AGENTS, help="agents' names")
    parser.add_argument("--variants", nargs="*", default=[*VARIANTS], choices=VARIANTS)
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--runs", type=Path, default=RUNS, help="folder of trainings")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    named = {found.name: found for found in find(options.agents)}
    if unknown := set(options.only) - named.keys():
        parser.error(f"no agents {sorted(unknown)} in {options.agents}")
    agents = [open_agent(named[name]) for name in options.only]
    for agent, variant, seed in product(agents, options.variants, options.seeds):
        finished(agent, variant, seed, options)
    made = table(agents, options)
    print(made.markdown())
    if tuple(options.only) == AGENTS and options.steps == STEPS:
        write_text(RESULT, json.dumps(asdict(made), indent=1))
