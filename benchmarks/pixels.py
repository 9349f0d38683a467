"""(k) From pixels: an agent pruned while it learns, a dense one, and a small one."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import torch
from gymnasium import spaces
from scipy import stats
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.policies import ActorCriticCnnPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

import sb3_prune as sp
from benchmarks.harness import Table
from examples.pixels import STEPS, Catch, learner, pruning

SEEDS = (3, 4, 5)
"""New seeds: the settings of the example were chosen on seeds 0, 1 and 2."""
DONE = Path("benchmarks/results/pixels")
"""Folder with one file per finished training, so that a stopped run can continue."""
WIDTHS = (8, 16, 16, 32)
"""Channels and features that pruning leaves: the widths of the small network."""


class SmallCNN(BaseFeaturesExtractor):
    """NatureCNN with the widths of the pruned NatureCNN."""

    def __init__(self, observation_space: spaces.Box) -> None:
        a, b, c, features = WIDTHS
        super().__init__(observation_space, features)
        self.cnn = nn.Sequential(
            nn.Conv2d(1, a, 8, 4),
            nn.ReLU(),
            nn.Conv2d(a, b, 4, 2),
            nn.ReLU(),
            nn.Conv2d(b, c, 3, 1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.linear = nn.Sequential(nn.Linear(c, features), nn.ReLU())

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Return the features, (batch, features)."""
        features: torch.Tensor = self.linear(self.cnn(observations))
        return features


def train(variant: str, seed: int, steps: int = STEPS) -> dict[str, Any]:
    """Train one agent; return its size, its FLOPs and the balls it catches greedily."""
    if variant == "small":
        # SB3's default is hidden layers behind any extractor but NatureCNN itself.
        own = {"features_extractor_class": SmallCNN, "features_extractor_kwargs": {}}
        model = learner(ActorCriticCnnPolicy, seed, net_arch=[], **own)
    else:
        model = learner(sp.MaskedActorCriticCnnPolicy, seed)
    model.learn(steps, callback=pruning() if variant == "pruned" else None)
    env = make_vec_env(Catch, n_envs=16)
    count = sp.complexity(model)
    return {
        "catches": sp.evaluate(model, env, episodes=192, seed=1000).mean_return,
        "parameters": count.params_deploy,
        "flops": count.flops_deploy,
    }


def finished(variant: str, seed: int) -> dict[str, Any]:
    """Return a training's result; train only if no earlier run has saved it."""
    path = DONE / f"{variant}-{seed}.json"
    if not path.exists():
        DONE.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(train(variant, seed), indent=1))
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def interval(values: list[float]) -> tuple[float, float]:
    """Return the 95 % confidence interval of a mean, by Student's t distribution."""
    middle = statistics.mean(values)
    low, high = stats.t.interval(
        0.95, len(values) - 1, middle, stats.sem(values) or 1e-12
    )
    return float(low), float(high)


def run() -> Table:
    """Compare how many of ten balls the three kinds of agents catch."""
    table = Table(
        "(k) Ten balls from pixels: PPO, 120,000 steps, seeds 3 to 5",
        ["", "parameters", "FLOPs", "caught of 10", "95 % interval", "per seed"],
    )
    means, costs = {}, {}
    for variant in ("dense", "pruned", "small"):
        found = [finished(variant, seed) for seed in SEEDS]
        caught = [result["catches"] for result in found]
        means[variant], costs[variant] = statistics.mean(caught), found[0]
        low, high = interval(caught)
        each = ", ".join(f"{value:.2f}" for value in caught)
        names = {"small": "dense of the pruned widths, from scratch"}
        table.rows.append(
            [
                names.get(variant, variant),
                found[0]["parameters"],
                found[0]["flops"],
                means[variant],
                f"{low:.2f} to {high:.2f}",
                each,
            ]
        )
    dense, pruned = costs["dense"], costs["pruned"]
    share = pruned["parameters"] / dense["parameters"]
    fewer = dense["flops"] / pruned["flops"]
    table.claim(f"at most 30 % of the parameters ({share:.1%})", share <= 0.3)
    table.claim(f"at least 2 times fewer FLOPs ({fewer:.1f})", fewer >= 2)
    table.claim(
        f"at least 9 of 10 caught ({means['pruned']:.2f})", means["pruned"] >= 9
    )
    better = means["pruned"] - means["small"]
    table.claim(
        f"pruned catches more than the same widths from scratch ({better:+.2f})",
        better > 0,
    )
    return table
