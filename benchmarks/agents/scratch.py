"""From scratch: small dense nets, trained as the agents were that are pruned.

``python -m benchmarks scratch --agents FOLDER`` reads the widths that `reconstruct`
leaves of each agent's acting network, and trains a net of these widths, and one of the
agent's own, by the agent's hyperparameters in RL Zoo's form, which were found for the
dense net. Their last state is scored. Finished ones are only read. By default these are
the agents whose training is short (:data:`SHORT`).
"""

from __future__ import annotations

import argparse
import ast
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

import sb3_prune as sp
from benchmarks.agents.environments import versions
from benchmarks.agents.finding import ALGORITHMS, AgentError, Found, find
from benchmarks.agents.loading import open_agent
from benchmarks.agents.playing import mean_return
from benchmarks.agents.sheets import on_scale, read_all
from benchmarks.harness import Table
from sb3_prune.files import write_text
from sb3_prune.runs import Job, Workers, carry_out
from sb3_prune.runs.jobs import read

SHEETS = Path("benchmarks/results/agents")
RESULTS = Path("benchmarks/results/scratch")
RESULT = Path("benchmarks/results/scratch.json")
WORK = Path("runs/scratch")
METHOD, SHARE = "reconstruct", 0.9
EPISODES = 20
SHORT = ("Acrobot", "CartPole", "LunarLander", "Pendulum")
"""Parts of the names of agents whose training takes minutes and not hours."""
OF_ZOO = ("n_envs", "n_timesteps", "normalize", "policy", "policy_kwargs")
"""Settings of RL Zoo that are no arguments of the algorithm."""
DENSE, SMALL = "dense", "small"
Sheet = dict[str, Any]


def policy_kwargs(text: str) -> dict[str, Any]:
    """Return the policy's arguments from RL Zoo's text, without its widths.

    The text is a call of ``dict``. It is read, not run.
    """
    call = ast.parse(text.strip(), mode="eval").body
    assert isinstance(call, ast.Call)
    given = {each.arg: each.value for each in call.keywords if each.arg}
    return {name: _value(node) for name, node in given.items() if name != "net_arch"}


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Attribute):  # For example nn.ReLU.
        return getattr(torch.nn, node.attr)
    return ast.literal_eval(node)


def net_arch(layers: Mapping[str, int]) -> Any:
    """Return SB3's argument for the widths of a policy's hidden layers, by name."""
    roles = {"policy_net": "pi", "latent_pi": "pi", "mu": "pi"}
    roles |= {"value_net": "vf", "qf0": "qf"}
    found: dict[str, list[int]] = {}
    for name, units in layers.items():
        for part in name.split("."):
            if part in roles:
                found.setdefault(roles[part], []).append(units)
    return found or list(layers.values())


def environments(found: Found, count: int, *, training: bool, seed: int = 0) -> VecEnv:
    """Make environments for an agent that is trained anew."""
    settings = found.settings()
    kwargs = found.env_kwargs()
    env = make_vec_env(versions(found.env)[0], count, seed=seed, env_kwargs=kwargs)
    if not settings.get("normalize"):
        return env
    if settings["normalize"] is not True:
        raise AgentError(f"{found.name} was normalised by {settings['normalize']!r}")
    gamma = settings.get("gamma", 0.99)
    return VecNormalize(env, training=training, norm_reward=training, gamma=gamma)


def build(found: Found, layers: Mapping[str, int], seed: int) -> BaseAlgorithm:
    """Build an untrained agent by the settings of another, with other widths."""
    settings = found.settings()
    own = policy_kwargs(settings.get("policy_kwargs", "dict()"))
    arguments = {
        name: LinearSchedule(float(value.removeprefix("lin_")), 0.0, 1.0)
        if isinstance(value, str) and value.startswith("lin_")
        else value
        for name, value in settings.items()
        if name not in OF_ZOO
    }
    env = environments(found, settings.get("n_envs", 1), training=True, seed=seed)
    return ALGORITHMS[found.algorithm](
        settings["policy"],
        env,
        policy_kwargs=own | {"net_arch": net_arch(layers)},
        seed=seed,
        device="cpu",
        **arguments,
    )


def train(
    folder: Path, path: str, layers: Mapping[str, int], seed: int, steps: int
) -> dict[str, Any]:
    """Train an agent from scratch and play the episodes in which the others are scored.

    Args:
        folder: Not needed: there are no checkpoints.
        path: Zip of the agent with whose settings it is trained.
        layers: Its units, by hidden layer of that agent.
        seed: Its seed.
        steps: Environment steps.
    """
    del folder
    found = Found(Path(path))
    warnings.simplefilter("ignore")
    model = build(found, layers, seed)
    model.learn(steps)
    tests = environments(found, EPISODES, training=False)
    if isinstance(tests, VecNormalize):
        tests.obs_rms = model.get_vec_normalize_env().obs_rms  # type: ignore[union-attr]
    return mean_return(model, tests)


def widths(found: Found) -> dict[str, int]:
    """Return the units of an agent's hidden layers."""
    agent = open_agent(found)
    model = agent.load(agent.env(1))
    sp.adopt(model)
    return sp.wire(model).units()


def jobs_of(found: Found, sheet: Sheet, seeds: Sequence[int]) -> dict[str, list[Job]]:
    """Return the trainings that belong to an agent, a list for each kind of net."""
    settings = found.settings()
    pruned = sheet["cells"][f"{METHOD} {SHARE}"]["layers"]
    shared = {"env": versions(found.env)[0], "episodes": EPISODES}
    steps = int(settings["n_timesteps"])
    return {
        kind: [
            Job(
                name=f"{found.name.replace('/', '-')}/{kind}-{seed}",
                function=train,
                arguments={
                    "path": str(found.path),
                    "layers": layers,
                    "seed": seed,
                    "steps": steps,
                },
                settings={**settings, **shared, "layers": layers, "seed": seed},
            )
            for seed in seeds
        ]
        for kind, layers in ((SMALL, pruned), (DENSE, widths(found)))
    }


def table(agents: Mapping[Found, Sheet], seeds: Sequence[int], results: Path) -> Table:
    """Compare what is left of an agent with nets of its size that were trained anew.

    Agents of which no seed has both nets are left out.

    Raises:
        JobError: A result is of other widths, settings or episodes.
    """
    made = Table(
        f"(t) {SHARE:.0%} of the acting units gone, or never there; 1 is the agent's "
        "return, 0 that of random actions",
        ["agent", "units", "pruned, not trained", "small, from scratch", "dense, anew"],
    )
    for found, sheet in agents.items():
        trained = _trained(jobs_of(found, sheet, seeds), results)
        if not trained:
            continue
        cell = sheet["cells"][f"{METHOD} {SHARE}"]
        units = " + ".join(map(str, _acting(cell["layers"])))
        pruned = f"{on_scale(sheet, cell['return']):.2f}"
        told = [_list([on_scale(sheet, x) for x in each]) for each in trained]
        made.rows.append([found.name, units, pruned, *told])
    return made


def _trained(jobs: Mapping[str, list[Job]], results: Path) -> list[list[float]]:
    """Return the returns by kind, of the seeds of which both kinds are trained."""
    pairs = zip(jobs[SMALL], jobs[DENSE], strict=True)
    found = [(read(small, results), read(dense, results)) for small, dense in pairs]
    whole = [(one["return"], two["return"]) for one, two in found if one and two]
    return [list(each) for each in zip(*whole, strict=True)]


def _acting(layers: Mapping[str, int]) -> list[int]:
    others = ("value_net", "critic")
    return [n for name, n in layers.items() if not any(o in name for o in others)]


def _list(values: Sequence[float]) -> str:
    each = ", ".join(f"{value:.2f}" for value in values)
    return f"{np.mean(values):.2f} ({each})" if len(values) > 1 else f"{each} (one)"


def main(arguments: Sequence[str]) -> None:
    """Train what is not trained yet, and write the table of all that is."""
    parser = argparse.ArgumentParser("benchmarks scratch", description=__doc__)
    parser.add_argument("--agents", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=SHORT, help="parts of their names")
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--draw", action="store_true", help="train nothing")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    sheets = {sheet["agent"]: sheet for sheet in read_all(SHEETS)}
    every = {f: sheets[f.name] for f in find(options.agents) if _has(sheets, f.name)}
    todo = [
        job
        for found, sheet in every.items()
        if any(part in found.name for part in options.only)
        for jobs in jobs_of(found, sheet, options.seeds).values()
        for job in jobs
    ]
    if not options.draw:
        with Workers(options.workers) as pool:
            carry_out(todo, RESULTS, work=WORK, executor=pool, desc="trainings")
    made = table(every, options.seeds, RESULTS)
    print(made.markdown())
    write_text(RESULT, json.dumps(asdict(made), indent=1))


def _has(sheets: Mapping[str, Sheet], name: str) -> bool:
    """Tell whether an agent was pruned as this benchmark needs it."""
    return "layers" in sheets.get(name, {"cells": {}})["cells"].get(
        f"{METHOD} {SHARE}", {}
    )
