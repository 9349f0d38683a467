"""Cutting: remove a share of the units that choose an agent's actions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from sb3_prune_clusters.segmentation import segment
from sb3_prune_clusters.strategy import Clusters, ClustersConfig
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

import sb3_prune as sp
from benchmarks.agents.playing import FIT_SEED
from sb3_prune.evaluation.complexity import count_action
from sb3_prune.recording import record_episodes

SHARES = (0.3, 0.5, 0.7, 0.85, 0.9)
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "magnitude": ("magnitude", {"compensate": False}),
    "magnitude, compensate": ("magnitude", {"compensate": True}),
    "random": ("random", {"compensate": False}),
    "random, compensate": ("random", {"compensate": True}),
    "clusters": ("clusters", {"compensate": False}),
    "clusters, compensate": ("clusters", {"compensate": True}),
    "reconstruct": ("reconstruct", {}),
    "reconstruct, centred-qr": ("reconstruct", {"choice": "centred-qr"}),
}
"""Method -> strategy and its options."""
CLOSE = 0.005
"""The search for a threshold of clusters ends this close to the share."""
STEPS = 14
"""Largest number of halvings in the search for a threshold of clusters."""


def offered(method: str) -> bool:
    """Return whether a method's strategy has the options that the method needs."""
    strategy, options = METHODS[method]
    known = {field.name for field in fields(ClustersConfig)}
    return strategy != "clusters" or options.keys() <= known


def acting_networks(model: BaseAlgorithm) -> tuple[str, ...]:
    """Return the networks that choose actions: an actor, or a network of Q-values."""
    sp.adopt(model)
    read = count_action(model.policy, {}).read
    return tuple(
        name
        for name, layers in sp.wire(model).by_network().items()
        if any(slot.tensor in read for layer in layers for slot in layer.slots())
    )


def size(model: BaseAlgorithm) -> dict[str, int]:
    """Return the units and the parameters that choose actions."""
    count = sp.complexity(model)
    return {"units": count.units_deploy, "parameters": count.params_deploy}


class Cutter:
    """Prunes copies of one agent.

    Args:
        env: Environments in which pruning may watch the agent play.
        episodes: Number of episodes to watch.
    """

    def __init__(self, env: VecEnv, episodes: int) -> None:
        self.env, self.episodes = env, episodes
        self._recorded: Mapping[str, Any] = {}

    def cut(self, model: BaseAlgorithm, method: str, share: float) -> dict[str, Any]:
        """Prune a fresh copy in place; return what is gone, and the seconds it took.

        Clusters have no share among their options: the threshold is the one whose
        clusters are closest to the share, on the episodes that the strategy records.
        """
        before, strategy = size(model), self._strategy(model, method, share)
        began = time.perf_counter()
        sp.prune(model, *strategy, **self._watching(method))
        seconds = time.perf_counter() - began
        after = size(model)
        gone = {f"{k}_gone": 1 - after[k] / before[k] for k in before}
        return {**gone, "seconds": seconds, "layers": sp.wire(model).units()}

    def _strategy(self, model: BaseAlgorithm, method: str, share: float) -> list[Any]:
        name, options = METHODS[method]
        options = options | {"networks": acting_networks(model)}
        if name != "clusters":
            return [name, options | {"final_sparsity": share}]
        options |= {"min_units": 1, "episodes": self.episodes}
        tau = self._tau(model, ClustersConfig(**options), share)
        return [Clusters(ClustersConfig(**options, tau=tau), self.env)]

    def _watching(self, method: str) -> dict[str, Any]:
        """Return the arguments of strategies that need observations."""
        name, options = METHODS[method]
        if not (options.get("compensate") or name == "reconstruct"):
            return {}
        self.env.seed(FIT_SEED)
        return {"env": self.env, "episodes": self.episodes}

    def _tau(self, model: BaseAlgorithm, config: ClustersConfig, share: float) -> float:
        """Search for the threshold whose clusters are closest to a share."""
        low, high, best = 0.0, 1.0, (np.inf, 0.0)
        activations = self._activations(model)
        for _ in range(STEPS):
            tau = (low + high) / 2
            gone = _share_gone(model, activations, config, tau)
            best = min(best, (abs(gone - share), tau))
            if best[0] < CLOSE:
                break
            low, high = (tau, high) if gone < share else (low, tau)
        return best[1]

    def _activations(self, model: BaseAlgorithm) -> Mapping[str, Any]:
        """Record the episodes that the strategy will record, once for all cuts."""
        if not self._recorded:
            seed = int(np.random.default_rng(model.seed).integers(2**31))
            self._recorded = record_episodes(
                model, self.env, episodes=self.episodes, seed=seed, progress=False
            ).activations
        return self._recorded


def _share_gone(
    model: BaseAlgorithm, activations: Mapping[str, Any], config: Any, tau: float
) -> float:
    """Return the share of units that merging by a threshold would remove."""
    options = {f.name: getattr(config, f.name) for f in fields(config)} | {"tau": tau}
    before = after = 0
    for layers in sp.wire(model).by_network(config.networks).values():
        names = [layer.name for layer in layers]
        found = segment({n: activations[n] for n in names}, ClustersConfig(**options))
        before += sum(layer.units for layer in layers)
        after += sum(len(one.clusters) for one in found.values())
    return 1 - after / before
