"""LunarLander: an actor that loses 93 % of its units while PPO learns to land.

``python -m benchmarks lunar --variants dense small --seeds 1 2 3``. A stopped training
goes on from its last checkpoint; a finished one is only read.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env

import sb3_prune as sp
from benchmarks.harness import Table, interval_text
from sb3_prune.evaluation.episodes import play
from sb3_prune.files import write_text
from sb3_prune.runs import checkpoints
from sb3_prune.strategies.distributions import Size, allocate

ENV = "LunarLander-v3"
SETTINGS: dict[str, Any] = {
    "n_steps": 1024,
    "batch_size": 64,
    "gae_lambda": 0.98,
    "gamma": 0.999,
    "n_epochs": 4,
    "ent_coef": 0.01,
}
"""RL Zoo's settings; the widths are those of SB3, 64 + 64."""
ENVIRONMENTS = 16
STEPS = 1_000_000
PRUNING: dict[str, Any] = {
    "final_sparsity": 0.93,
    "begin": 0.2,
    "end": 0.8,
    "networks": ("mlp_extractor.policy_net",),
}
VARIANTS: dict[str, tuple[str, dict[str, Any]] | None] = {
    "dense": None,
    "small": None,
    "magnitude": ("magnitude", PRUNING | {"compensate": False}),
    "compensate": ("magnitude", PRUNING | {"compensate": True}),
    "reconstruct": ("reconstruct", PRUNING),
}
"""Variant -> strategy and its options; None is not pruned."""
NAMES = {
    "small": "dense of the pruned widths, from scratch",
    "compensate": "magnitude, compensate",
}
EPISODES, TEST_SEED = 100, 1_000_003
RUNS = Path("runs/lunar")
RESULT = Path("benchmarks/results/lunar.json")


class Curve(BaseCallback):
    """Keeps timesteps and mean training return at the start of every rollout."""

    def __init__(self) -> None:
        super().__init__()
        self.points: list[tuple[int, float]] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        ended = [float(info["r"]) for info in self.model.ep_info_buffer or ()]
        if ended:
            self.points.append((self.num_timesteps, float(np.mean(ended))))

    def state_dict(self) -> dict[str, Any]:
        """Return the points so far."""
        return {"points": self.points}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on behind saved points."""
        self.points = [(int(steps), mean) for steps, mean in state["points"]]


def widths() -> list[int]:
    """Return the units that pruning leaves in the actor's two layers."""
    sizes = {name: Size(units=64, inputs=1, outputs=1) for name in ("first", "second")}
    return list(allocate("uniform", sizes, PRUNING["final_sparsity"]).values())


def build(variant: str, seed: int, env: Any) -> PPO:
    """Build an untrained agent."""
    net_arch = {"pi": widths(), "vf": [64, 64]}
    own = {"net_arch": net_arch} if variant == "small" else None
    return PPO("MlpPolicy", env, policy_kwargs=own, seed=seed, device="cpu", **SETTINGS)


def train(variant: str, seed: int, steps: int, folder: Path) -> tuple[PPO, Curve]:
    """Train an agent, from its last checkpoint if there is one."""
    env, curve = make_vec_env(ENV, ENVIRONMENTS), Curve()
    pruning = VARIANTS[variant]
    states: dict[str, Any] = {"curve": curve}
    if pruning:
        states["pruning"] = sp.PruningCallback(*pruning)
    saving = sp.ResumableCheckpointCallback(folder, max(1, steps // 10), states)
    if checkpoints.latest(folder):
        model, saved = checkpoints.load(PPO, folder, env, device="cpu")
        saving.restore(saved)
    else:
        model = build(variant, seed, env)
    left = steps - model.num_timesteps
    if left > 0:
        model.learn(left, [*states.values(), saving], reset_num_timesteps=False)
    return model, curve


def result(model: PPO, curve: Curve, seed: int) -> dict[str, Any]:
    """Play the final episodes; return their returns, and the size of the agent."""
    env = make_vec_env(ENV, 10)
    done = play(model, env, episodes=EPISODES, seed=TEST_SEED + 1000 * seed)
    returns = [float(episode.total) for episode in done]
    return {
        "mean_return": float(np.mean(returns)),
        "returns": returns,
        "layers": sp.wire(model).units(),
        **sp.complexity(model).to_dict(),
        "timesteps": model.num_timesteps,
        "curve": curve.points,
    }


def finished(variant: str, seed: int, steps: int, runs: Path) -> dict[str, Any]:
    """Return the result of a training; train only if no earlier call has saved it."""
    place = runs / str(steps) / f"{variant}-{seed}"
    path = place.with_suffix(".json")
    if not path.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        began = time.process_time()
        found = result(*train(variant, seed, steps, place), seed)
        found["cpu_seconds_of_last_piece"] = time.process_time() - began
        write_text(path, json.dumps(found, indent=1))
        shutil.rmtree(place)
    saved: dict[str, Any] = json.loads(path.read_text())
    return saved


def table(found: dict[str, list[dict[str, Any]]], steps: int) -> Table:
    """Compare the variants by the returns of their final greedy episodes."""
    made = Table(
        f"(l) LunarLander-v3: PPO, {steps:,} steps, the actor loses 93 % of its units",
        ["", "actor's parameters", "return", "95 % interval", "per seed"],
    )
    for variant, runs in found.items():
        means = [run["mean_return"] for run in runs]
        row = [NAMES.get(variant, variant), runs[0]["params_deploy"], np.mean(means)]
        each = ", ".join(f"{mean:.0f}" for mean in means)
        made.rows.append([*row, interval_text(means), each])
    return made


def main(arguments: Sequence[str]) -> None:
    """Train what is asked for, and write a table of all that is finished."""
    parser = argparse.ArgumentParser("benchmarks lunar", description=__doc__)
    parser.add_argument("--variants", nargs="*", default=[*VARIANTS], choices=VARIANTS)
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--runs", type=Path, default=RUNS, help="folder of trainings")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for variant in options.variants:
        for seed in options.seeds:
            found = finished(variant, seed, options.steps, options.runs)
            print(f"{variant}-{seed}: return {found['mean_return']:.1f}", flush=True)
    made = table(_all(options.steps, options.runs), options.steps)
    print(made.markdown())
    if options.steps == STEPS:
        write_text(RESULT, json.dumps(asdict(made), indent=1))


def _all(steps: int, runs: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the results of all finished trainings, by variant."""
    found: dict[str, list[dict[str, Any]]] = {}
    for variant in VARIANTS:
        for path in sorted((runs / str(steps)).glob(f"{variant}-*.json")):
            found.setdefault(variant, []).append(json.loads(path.read_text()))
    return found
