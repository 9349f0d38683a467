"""How well extractors predict the next observation, by norm, width and updates.

``python -m benchmarks.ofexinet.prediction`` collects transitions of HalfCheetah-v5 with
random actions, trains several kinds of extractors on the same batches, and writes
benchmarks/results/prediction.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from tqdm import tqdm

from benchmarks.harness import Table
from sb3_prune.files import write_text
from sb3_prune.networks.ofexinet import OFEXiConfig, OFEXiNet

RESULT = Path("benchmarks/results/prediction")
TRANSITIONS, TESTED = 12_000, 2_000
KINDS = {
    "batch norm": OFEXiConfig(blocks=8, units=30, norm="batch"),
    "layer norm": OFEXiConfig(blocks=8, units=30, norm="layer"),
    "no norm": OFEXiConfig(blocks=8, units=30, norm="none"),
    "batch norm, 4 blocks of 64": OFEXiConfig(blocks=4, units=64, norm="batch"),
}
"""Extractors by name: 8 blocks of 30 as in the official OFENet, and 4 blocks of 64 as
in our small budget."""

Data = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def collect(count: int, seed: int = 0) -> Data:
    """Return observations, random actions and next observations."""
    env = gym.make("HalfCheetah-v5")
    env.action_space.seed(seed)
    observation, _ = env.reset(seed=seed)
    rows = []
    for _ in range(count):
        action = env.action_space.sample()
        following, _, over, late, _ = env.step(action)
        rows.append((observation, action, following))
        observation = env.reset()[0] if over or late else following
    before, actions, after = (np.array(part) for part in zip(*rows, strict=True))
    tensors = [torch.as_tensor(part).float() for part in (before, actions, after)]
    return tensors[0], tensors[1], tensors[2]


def losses(config: OFEXiConfig, data: Data, updates: int) -> dict[str, list[float]]:
    """Train an extractor; return its losses on seen and unseen transitions.

    Losses are per entry of the observation, at the start and after each quarter.
    """
    torch.manual_seed(0)
    net = OFEXiNet(data[0].shape[1], data[1].shape[1], config)
    net.build_optimizer()
    generator = torch.Generator().manual_seed(0)
    seen, unseen = (tuple(p[s] for p in data) for s in _split())
    found: dict[str, list[float]] = {"update": [], "seen": [], "unseen": []}
    for update in tqdm(range(updates + 1), leave=False):
        if update % (updates // 4) == 0:
            with torch.no_grad():
                for name, part in {"seen": seen, "unseen": unseen}.items():
                    found[name].append(float(net.errors(*part).mean()))
            found["update"].append(update)
        chosen = torch.randint(TRANSITIONS - TESTED, (256,), generator=generator)
        net.update(*(part[chosen] for part in seen))
    return found


def _split() -> tuple[slice, slice]:
    return slice(0, TRANSITIONS - TESTED), slice(TRANSITIONS - TESTED, TRANSITIONS)


def linear(data: Data) -> float:
    """Return the loss of linear least squares on unseen transitions."""
    inputs = torch.cat([data[0], data[1], torch.ones(len(data[0]), 1)], dim=1)
    seen, unseen = _split()
    weights = torch.linalg.lstsq(inputs[seen], data[2][seen]).solution
    return float((inputs[unseen] @ weights - data[2][unseen]).square().mean())


def run(updates: int) -> Table:
    """Compare the kinds on the same data and batches."""
    data = collect(TRANSITIONS)
    unseen = _split()[1]
    columns = ["extractor", f"loss after {updates // 4:,}", f"after {updates:,}"]
    title = "Loss per entry, HalfCheetah-v5, 10,000 random transitions, batch 256"
    table = Table(title, [*columns, "on unseen"])
    variance = float(data[2][unseen].var(dim=0).mean())
    table.rows.append(["predict the mean", "-", "-", f"{variance:.4f}"])
    table.rows.append(["least squares", "-", "-", f"{linear(data):.4f}"])
    for name, config in KINDS.items():
        found = losses(config, data, updates)
        row = (found["seen"][1], found["seen"][-1], found["unseen"][-1])
        table.rows.append([name, *(f"{value:.4f}" for value in row)])
    return table


def main() -> None:
    """Train the extractors, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=10_000)
    torch.set_num_threads(1)
    table = run(parser.parse_args().updates)
    write_text(RESULT.with_suffix(".json"), json.dumps(asdict(table), indent=1))
    print(table.markdown())


if __name__ == "__main__":
    main()
