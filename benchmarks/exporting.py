"""(q) What does a decision cost once the agent is exported?"""

from __future__ import annotations

import ctypes
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from sb3_prune_export.c.compilers import shared_library
from stable_baselines3 import SAC
from stable_baselines3.common.base_class import BaseAlgorithm

import sb3_prune as sp
from benchmarks.harness import Table, rates, ratio

OTHERS = {"onnx": ("onnxruntime", ".onnx"), "numpy": ("NumPy", "")}
"""Other exporters -> what runs them, and the suffix of what they write."""
LOOP = """
#include "agent.h"
void decide(const TYPE *observations, float *actions, int count) {
    static agent_scratch scratch;
    for (int i = 0; i < count; ++i)
        agent_predict_with(&scratch, observations + 17 * (i % 64),
                           actions + 6 * (i % 64));
}
"""
ROUNDS = 15


def repeated(decide: Callable[[], Any], count: int) -> Callable[[], int]:
    """Return a function that decides many times."""

    def work() -> int:
        for _ in range(count):
            decide()
        return count

    return work


def in_c(header: Path, observations: np.ndarray, count: int) -> Callable[[], int]:
    """Return a function that decides many times in a loop of C."""
    kind = sp.load_export(header).facts["inputs"][0]["dtype"]
    observations = observations.astype(kind)
    loop = LOOP.replace("TYPE", {"float32": "float", "float64": "double"}[kind])
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "loop.c"), Path(folder, "loop.so")
        source.write_text(loop)
        Path(folder, "agent.h").write_text(header.read_text("utf-8"))
        shared_library(source, target)
        library = ctypes.CDLL(str(target))
    actions = np.zeros((64, 6), np.float32)

    def work() -> int:
        pointers = [
            ctypes.c_void_p(each.ctypes.data) for each in (observations, actions)
        ]
        library.decide(*pointers, count)
        return count

    return work


def contenders(
    name: str, model: BaseAlgorithm, observations: np.ndarray, folder: Path
) -> dict[str, Callable[[], int]]:
    """Return the ways to ask one agent for an action."""
    first = observations[0]
    header = folder / f"{name}.h"
    sp.export(model, "c", header, vecnormalize=None, prefix="agent")
    agent: Any = sp.load_export(header)

    def reuse() -> np.ndarray:
        agent.given["observation"][0] = first
        agent.decide()
        found: np.ndarray = agent.found["action"]
        return found

    found = {
        "predict": repeated(lambda: model.predict(first, deterministic=True), 300),
        "C loop": in_c(header, observations, 5_000),
        "C loader": repeated(lambda: agent.predict(first), 3_000),
        "C loader, buffers": repeated(reuse, 3_000),
    }
    for exporter, (title, suffix) in OTHERS.items():
        path = folder / f"{name}_{exporter}{suffix}"
        sp.export(model, exporter, path, vecnormalize=None)
        other = sp.load_export(path)
        found[title] = repeated(lambda other=other: other.predict(first), 500)  # type: ignore[misc]
    return {f"{name}: {way}": work for way, work in found.items()}


def run() -> Table:
    """Compare the ways to decide, for a dense agent and for the same, cut."""
    table = Table(
        "(q) One decision after an export, batch 1, SAC 3x256 on HalfCheetah-v5, dense "
        "and with 90 % of the units gone",
        ["agent", "way", "us per decision", "times as fast as dense predict"],
    )
    arch = {"net_arch": [256, 256, 256]}
    env = gym.make("HalfCheetah-v5")
    dense = SAC("MlpPolicy", env, policy_kwargs=arch, device="cpu", seed=0)
    cut = SAC(sp.MaskedSACPolicy, env, policy_kwargs=arch, device="cpu", seed=0)
    sp.prune(cut, "magnitude", {"final_sparsity": 0.9, "compensate": False})
    small = sp.compact(cut)
    observations = np.random.default_rng(0).normal(size=(64, 17))
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[], int]] = {}
        for name, model in (("dense", dense), ("cut", small)):
            ways |= contenders(name, model, observations, Path(folder))
        found = rates(ways, ROUNDS)
    slow = found["dense: predict"]
    for way, rate in found.items():
        agent, _, title = way.partition(": ")
        micros = 1e6 / statistics.median(rate)
        table.rows.append([agent, title, micros, ratio(rate, slow)])
    aims = {"C loop": 300, "C loader": 60, "C loader, buffers": 100}
    aims |= {title: 5 for title, _ in OTHERS.values()}
    for title, aim in aims.items():
        times = ratio(found[f"cut: {title}"], slow)
        text = f"cut, {title}: at least {aim} times faster ({times:,.0f})"
        table.claim(text, times >= aim)
    return table
