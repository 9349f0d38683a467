"""Look inside: what pruning does to the hidden units of a reaching arm's agent.

``python examples/look_inside.py`` takes less than a minute. It trains an agent of a
3-joint arm, then prunes half of its units while training goes on. It records 300
episodes of the trained agent, of the pruned agent and of a random network of the same
shape, and runs every analysis on all three. Pictures and numbers are in
runs/look_inside.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import sb3_prune_clusters.analyses as clusters
import torch
from sb3_prune_envs import make_arm_vec
from sb3_prune_reconstruct import Redundancy

import sb3_prune as sp
from sb3_prune.analysis import Analysis, compare, random_like
from sb3_prune.files import write_text
from sb3_prune.recording import Recording
from sb3_prune.recording import record_episodes as record

FOLDER = Path("runs/look_inside")
ARMS = 128
UPDATES_TO_LEARN = 4_000
UPDATES_TO_PRUNE = 3_000
EPISODES = 300
PRUNING = {"final_sparsity": 0.5, "end": 0.4}
ANALYSES: list[type[Analysis]] = [
    clusters.Distances,
    clusters.Dendrograms,
    clusters.Dormancy,
    clusters.EffectiveRank,
    clusters.Entropy,
    Redundancy,
]


def make_agent(seed: int = 0) -> sp.BranchingDQN:
    """Build the agent of Feldotto et al. 2022, half as wide as in the demo."""
    agent = sp.BranchingDQN(
        sp.BranchingDQNPolicy,
        make_arm_vec(ARMS),
        learning_rate=1e-3,
        buffer_size=500_000,
        learning_starts=20 * ARMS,
        batch_size=256,
        gamma=0.8,
        train_freq=1,
        gradient_steps=1,
        target_update_interval=200 * ARMS,
        exploration_initial_eps=0.0,
        exploration_final_eps=0.0,
        policy_kwargs={
            "net_arch": [64] * 6,
            "temperature": 0.02,
            "optimizer_kwargs": {"fused": True},
        },
        seed=seed,
        device="cpu",
    )
    sp.xavier(agent.policy)
    return agent


def record_agents() -> dict[str, Recording]:
    """Record the trained agent, the pruned agent and a random one."""
    env = make_arm_vec(100)
    agent = make_agent()
    agent.learn(UPDATES_TO_LEARN * ARMS)
    found = {"trained": record(agent, env, episodes=EPISODES, seed=0)}
    found["random"] = record(random_like(agent), env, episodes=EPISODES, seed=0)
    pruning = sp.PruningCallback("magnitude", config=PRUNING)
    agent.learn(UPDATES_TO_PRUNE * ARMS, callback=pruning)
    found["pruned"] = record(agent, env, episodes=EPISODES, seed=0)
    return {name: found[name] for name in ("trained", "pruned", "random")}


def main() -> None:
    """Record the agents, run the analyses, and write pictures and numbers."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    FOLDER.mkdir(parents=True, exist_ok=True)
    recordings = record_agents()
    for name, recording in recordings.items():
        success = np.mean(recording.rewards[:, -1] >= 0.9)
        units = sum(recording.units().values())
        print(f"{name:8} {units:4} units, {success:.0%} of episodes succeed")
    for cls in ANALYSES:
        comparison = compare(recordings, cls())
        comparison.plot().savefig(FOLDER / f"{cls.name}.png")
        write_text(FOLDER / f"{cls.name}.json", json.dumps(comparison.to_dict()))
    print(f"{time.perf_counter() - began:.0f} s. See {FOLDER}/ (distances.png first).")


if __name__ == "__main__":
    main()
