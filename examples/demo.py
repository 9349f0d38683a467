"""The demo: a reaching arm learns, loses nine of ten units, and still reaches.

Run ``make demo``. It trains a DQN agent of a 3-joint arm until the agent passes a
validation test. Twice, it merges units with similar activations and retrains the agent
until it passes again. Finally, it loads the plain SB3 zip in a new process where
sb3_prune is not installed. All results are in runs/demo.

Source of agent, test and merging: Feldotto et al. 2022. The agent is stock DQN with one
action for each of the 27 combinations of joint moves, softmax exploration and six
hidden ReLU layers.
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
from sb3_prune_clusters import ClustersConfig, Round, prune_in_rounds
from sb3_prune_envs import make_arm_vec
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.dqn.dqn import DQN

import sb3_prune as sp
from sb3_prune.evaluation import ValidationTest, latency_us, success_rate
from sb3_prune.exporters.verification import plain_actions
from sb3_prune.files import write_text
from sb3_prune.plots import plot_learning, plot_widths, record_gif

FOLDER = Path("runs/demo")
ARMS = 128
UPDATES_TO_LEARN = 30_000
UPDATES_TO_RETRAIN = 20_000
FRESH_EPISODES = 1_000
ROUNDS = 2
MERGING = ClustersConfig(tau=0.4, min_units=8)


def make_arms(count: int) -> VecEnv:
    """Return a vector of 3-joint arms; an action is a combination of joint moves."""
    return make_arm_vec(count, n_joints=3, action_mode="joint")


def make_agent(env: VecEnv, seed: int = 0) -> DQN:
    """Build the agent of Feldotto et al. 2022.

    It takes one gradient step per 128 arm steps.
    """
    agent = DQN(
        sp.MaskedDQNPolicy,
        env,
        learning_rate=LinearSchedule(5e-4, 1e-4, 1.0),
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
            "net_arch": [256] * 6,
            "temperature": 0.02,
            "optimizer_kwargs": {"fused": True},
        },
        seed=seed,
        device="cpu",
    )
    sp.xavier(agent.policy)
    return agent


def learn(agent: DQN, test_env: VecEnv) -> sp.ValidationCallback:
    """Train the dense agent until it passes the validation test."""
    validation = sp.ValidationCallback(test_env, seed=10_000)
    agent.learn(UPDATES_TO_LEARN * ARMS, callback=validation, progress_bar=True)
    return validation


def prune(agent: DQN, test_env: VecEnv) -> list[Round]:
    """Twice, merge units with similar activations and retrain until the test passes."""
    # The small networks that remain learn faster with a higher learning rate.
    agent.learning_rate = LinearSchedule(1e-3, 1e-4, 1.0)
    agent._setup_lr_schedule()
    return prune_in_rounds(
        agent,
        make_arms(ARMS),
        test_env,
        config=MERGING,
        rounds=ROUNDS,
        max_steps_per_round=UPDATES_TO_RETRAIN * ARMS,
    )


def measure(agent: Any, test_env: VecEnv) -> dict[str, float]:
    """Return an agent's success on new episodes, and its units and parameters."""
    count = sp.complexity(agent)
    return {
        "success": success_rate(
            agent, test_env, episodes=FRESH_EPISODES, seed=5_000_000
        ),
        "units": count.units,
        "params": count.params_deploy,
    }


def plain_is_equal(agent: DQN, path: Path) -> bool:
    """Return whether the plain zip, loaded in a new process, gives the same actions.

    The actions are compared on 1,000 observations.
    """
    arms = make_arms(1000)
    arms.seed(7)
    observations = np.asarray(arms.reset())
    for _ in range(10):
        moves, _ = agent.predict(observations, deterministic=False)
        observations = np.asarray(arms.step(moves)[0])
    mine, _ = agent.predict(observations, deterministic=True)
    return bool((plain_actions(path, DQN, observations) == mine).all())


def units_of(agent: Any) -> str:
    """Return the number of an agent's hidden units as a caption."""
    return f"{sp.complexity(agent).units:,} units"


def draw(
    agent: DQN, dense: DQN, learning: sp.ValidationCallback, rounds: list[Round]
) -> None:
    """Write the curves and the animation."""
    tests = [(e["timesteps"], e["success_rate"]) for e in learning.history]
    widths: list[dict[str, Any]] = [{"timesteps": 0, "units": rounds[0].units}]
    marks, now = {}, learning.num_timesteps
    sizes = [(0.0, sum(rounds[0].units.values()))]
    for done in rounds:
        if done.number:
            left = sum(done.units.values())
            text = f"merge {done.number}: {sizes[-1][1]:,} → {left:,} units"
            marks[text] = float(now)
            sizes.append((float(now), left))
        widths.append({"timesteps": now, "units": done.units})
        tests += [(now + steps, success) for steps, success in done.history]
        now += done.env_steps
    widths.append({**widths[-1], "timesteps": now})
    test = ValidationTest()
    plot_learning(
        FOLDER / "learning.png",
        *zip(*tests, strict=True),
        ylabel="episodes that succeed",
        target=test.required / test.episodes,
        marks=marks,
        units=[*sizes, (float(now), sizes[-1][1])],
    )
    plot_widths(FOLDER / "widths.png", widths)
    arm = gym.make(
        "sb3_prune/PlanarArm3-v0", action_mode="joint", render_mode="rgb_array"
    )
    both = {f"dense, {units_of(dense)}": dense, f"pruned, {units_of(agent)}": agent}
    record_gif(FOLDER / "arm.gif", both, arm)
    arm.close()


def show(summary: dict[str, Any]) -> None:
    """Print the summary as a table."""
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
    """Train, prune, compact, measure and draw."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    FOLDER.mkdir(parents=True, exist_ok=True)
    test_env = make_arms(300)
    agent = make_agent(make_arms(ARMS))
    learning = learn(agent, test_env)
    before = measure(agent, test_env) | {"latency_us": latency_us(agent)}
    agent.save(FOLDER / "dense.zip")
    rounds = prune(agent, test_env)
    plain = sp.compact(agent)
    after = measure(agent, test_env) | {"latency_us": latency_us(plain)}
    agent.save(FOLDER / "model.zip")
    plain.save(FOLDER / "plain.zip")
    summary = {f"{key}_before": value for key, value in before.items()}
    summary |= {f"{key}_after": value for key, value in after.items()}
    summary["validation_passed"] = len(rounds) == ROUNDS + 1 and rounds[-1].passed
    summary["plain_load_equal"] = plain_is_equal(agent, FOLDER / "plain.zip")
    draw(agent, DQN.load(FOLDER / "dense.zip", device="cpu"), learning, rounds)
    summary["seconds"] = round(time.perf_counter() - began, 1)
    write_text(FOLDER / "summary.json", json.dumps(summary, indent=2) + "\n")
    show(summary)


if __name__ == "__main__":
    main()
