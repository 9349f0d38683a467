"""The main job: a reaching arm learns, loses most of its units, and still reaches.

Run ``make demo``. It trains a 3-joint arm (Method 1: branching DQN, softmax
exploration, six hidden ReLU layers) until it passes the paper's validation test, prunes
it while training goes on, validates again, and loads the plain result in a fresh
process where sb3_prune does not exist. Everything lands in runs/demo.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sb3_prune_envs import make_arm_vec
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.dqn.dqn import DQN

import sb3_prune as sp
from sb3_prune.files import write_text
from sb3_prune.report import plot_learning, plot_widths, record_gif
from sb3_prune.verification import plain_actions

FOLDER = Path("runs/demo")
ARMS = 128
UPDATES_TO_LEARN = 30_000
UPDATES_TO_PRUNE = 15_000
FRESH_EPISODES = 1_000
END = 0.4
PRUNING = {
    "final_sparsity": 0.75,
    "begin": 0.03,
    "end": END,
    "steps": 30,
    "distribution": "global",
}


def make_agent(env: VecEnv, seed: int = 0) -> sp.BranchingDQN:
    """Build the agent of Method 1; one gradient step per 128 arm steps."""
    agent = sp.BranchingDQN(
        sp.BranchingDQNPolicy,
        env,
        learning_rate=LinearSchedule(1e-3, 1e-4, 1.0),
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
            "net_arch": [128] * 6,
            "temperature": 0.02,
            "optimizer_kwargs": {"fused": True},
        },
        seed=seed,
        device="cpu",
    )
    sp.xavier(agent.policy)
    return agent


def learn(agent: sp.BranchingDQN, test_env: VecEnv) -> sp.ValidationCallback:
    """Train the dense agent until it passes."""
    validation = sp.ValidationCallback(test_env, seed=10_000)
    agent.learn(UPDATES_TO_LEARN * ARMS, callback=validation, progress_bar=True)
    return validation


def prune(
    agent: sp.BranchingDQN, test_env: VecEnv
) -> tuple[sp.PruningCallback, sp.ValidationCallback]:
    """Remove three of four units while training goes on, until it passes again."""
    pruning = sp.PruningCallback("magnitude", config=PRUNING)
    steps = UPDATES_TO_PRUNE * ARMS
    validation = sp.ValidationCallback(
        test_env, start=int(END * steps) + 1, seed=1_000_000
    )
    agent.learn(steps, callback=[pruning, validation], progress_bar=True)
    return pruning, validation


def measure(agent: Any, test_env: VecEnv) -> dict[str, float]:
    """Return success on fresh episodes, size and speed of an agent."""
    count = sp.complexity(agent)
    return {
        "success": sp.success_rate(
            agent, test_env, episodes=FRESH_EPISODES, seed=5_000_000
        ),
        "units": count.units,
        "params": count.params_deploy,
    }


def plain_is_equal(agent: sp.BranchingDQN, path: Path) -> bool:
    """Compare the plain zip in a fresh process on 1,000 observations."""
    arms = make_arm_vec(1000)
    arms.seed(7)
    observations = np.asarray(arms.reset())
    for _ in range(10):
        moves, _ = agent.predict(observations, deterministic=False)
        observations = np.asarray(arms.step(moves)[0])
    mine, _ = agent.predict(observations, deterministic=True)
    joint = plain_actions(path, DQN, observations)
    digits = np.unravel_index(joint, agent.policy.q_net.branches)
    return bool((np.stack(digits, axis=1) == mine).all())


def draw(
    agent: sp.BranchingDQN,
    learning: sp.ValidationCallback,
    pruning: sp.PruningCallback,
    validation: sp.ValidationCallback,
) -> None:
    """Write the curves and the animation."""
    begin = learning.num_timesteps
    later = [entry["timesteps"] + begin for entry in validation.history]
    plot_learning(
        FOLDER / "learning.png",
        [entry["timesteps"] for entry in learning.history] + later,
        [entry["success_rate"] for entry in learning.history + validation.history],
        ylabel="share of test episodes that succeed",
        target=validation.test.required / validation.test.episodes,
        marks={
            "pruning begins": begin + pruning.history[1]["timesteps"],
            "pruning ends": begin + pruning.history[-1]["timesteps"],
        },
    )
    widths = [{**e, "timesteps": e["timesteps"] + begin} for e in pruning.history]
    now = {**widths[-1], "timesteps": begin + validation.num_timesteps}
    plot_widths(FOLDER / "widths.png", [{**widths[0], "timesteps": 0}, *widths, now])
    arm = gym.make("sb3_prune/PlanarArm3-v0", render_mode="rgb_array")
    record_gif(FOLDER / "arm.gif", agent, arm)
    arm.close()


def show(summary: dict[str, Any]) -> None:
    """Print the table."""
    table = Table(title="A reaching arm, before and after pruning")
    for column in ("", "dense", "pruned"):
        table.add_column(column, justify="left" if not column else "right")
    rows = {
        "success on fresh episodes": ("success", "{:.1%}"),
        "hidden units": ("units", "{:,}"),
        "parameters": ("params", "{:,}"),
        "latency of one decision": ("latency_us", "{:.0f} us"),
    }
    for label, (key, text) in rows.items():
        values = (summary[f"{key}_before"], summary[f"{key}_after"])
        table.add_row(label, *[text.format(value) for value in values])
    console = Console()
    console.print(table)
    plain = "equal" if summary["plain_load_equal"] else "NOT EQUAL"
    passed = "passed" if summary["validation_passed"] else "NOT PASSED"
    console.print(
        f"Validation test {passed}; plain zip in a fresh process: {plain} actions; "
        f"{summary['seconds']:.0f} s. See {FOLDER}/ (arm.gif first)."
    )


def main() -> None:
    """Do the whole job."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    FOLDER.mkdir(parents=True, exist_ok=True)
    test_env = make_arm_vec(300)
    agent = make_agent(make_arm_vec(ARMS))
    learning = learn(agent, test_env)
    before = measure(agent, test_env) | {"latency_us": sp.latency_us(agent)}
    pruning, validation = prune(agent, test_env)
    plain = sp.compact(agent)
    after = measure(agent, test_env) | {"latency_us": sp.latency_us(plain)}
    agent.save(FOLDER / "model.zip")
    plain.save(FOLDER / "plain.zip")
    summary = {f"{key}_before": value for key, value in before.items()}
    summary |= {f"{key}_after": value for key, value in after.items()}
    summary["validation_passed"] = learning.passed and validation.passed
    summary["plain_load_equal"] = plain_is_equal(agent, FOLDER / "plain.zip")
    draw(agent, learning, pruning, validation)
    summary["seconds"] = round(time.perf_counter() - began, 1)
    write_text(FOLDER / "summary.json", json.dumps(summary, indent=2) + "\n")
    show(summary)


if __name__ == "__main__":
    main()
