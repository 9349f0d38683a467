"""The demo: a reaching arm learns, loses nine of ten units, and still reaches.

Run ``make demo``. It trains a DQN agent of a 3-joint arm until the agent passes a
validation test. Twice, it merges units with similar activations and retrains the agent
until it passes again. Finally, it loads the plain SB3 zip in a new process where
sb3_prune is not installed. All results are in runs/demo; open report.html first.

Source of agent, test and merging: Feldotto et al. 2022. The agent is stock DQN with one
action for each of the 27 combinations of joint moves, softmax exploration and six
hidden ReLU layers.
"""

from __future__ import annotations

import time
from dataclasses import asdict
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
from sb3_prune.cli.results import Results
from sb3_prune.cli.results import measure as measure_size
from sb3_prune.evaluation import Evaluation, ValidationTest
from sb3_prune.exporting.verification import plain_actions
from sb3_prune.plots import plot_learning, plot_widths, record_gif
from sb3_prune.runs.folder import CONFIG, SUMMARY, RunFolder, versions

FOLDER = Path("runs/demo")
ARMS = 128
UPDATES_TO_LEARN = 30_000
UPDATES_TO_RETRAIN = 20_000
FRESH_EPISODES = 1_000
ROUNDS = 2
ARM, ARM_ARGUMENTS = "sb3_prune/PlanarArm3-v0", {"action_mode": "joint"}
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


def evaluate(agent: DQN, test_env: VecEnv) -> Evaluation:
    """Return an agent's success and return on new episodes."""
    return sp.evaluate(agent, test_env, episodes=FRESH_EPISODES, seed=5_000_000)


def measure(results: Results, tests: dict[str, Evaluation]) -> dict[str, float]:
    """Return success, units, parameters and latency, before and after."""
    found = {}
    for when, test in tests.items():
        size = getattr(results, when)
        found[f"success_{when}"] = test.success
        found[f"units_{when}"] = size.complexity.units
        found[f"params_{when}"] = size.complexity.params_deploy
        found[f"latency_us_{when}"] = size.latency_us
    return found


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


def follow(
    learning: sp.ValidationCallback, rounds: list[Round]
) -> tuple[list[tuple[int, float]], list[dict[str, Any]], dict[str, float]]:
    """Return tests (steps, success), widths over training, and the steps of merges."""
    tests = [(e["timesteps"], e["success_rate"]) for e in learning.history]
    widths: list[dict[str, Any]] = [{"timesteps": 0, "units": rounds[0].units}]
    marks, now = {}, learning.num_timesteps
    for done in rounds:
        if done.number:
            sizes = [sum(units.values()) for units in (widths[-1]["units"], done.units)]
            text = f"merge {done.number}: {sizes[0]:,} → {sizes[1]:,} units"
            marks[text] = float(now)
            widths.append({"timesteps": now, "units": done.units})
        tests += [(now + steps, success) for steps, success in done.history]
        now += done.env_steps
    return tests, [*widths, {**widths[-1], "timesteps": now}], marks


def units_of(agent: Any) -> str:
    """Return the number of an agent's hidden units as a caption."""
    return f"{sp.complexity(agent).units:,} units"


def draw(
    agent: DQN, dense: DQN, learning: sp.ValidationCallback, rounds: list[Round]
) -> None:
    """Write the curves and the animation."""
    tests, widths, marks = follow(learning, rounds)
    test = ValidationTest()
    plot_learning(
        FOLDER / "learning.png",
        *zip(*tests, strict=True),
        ylabel="episodes that succeed",
        target=test.required / test.episodes,
        marks=marks,
        units=[(float(w["timesteps"]), sum(w["units"].values())) for w in widths],
    )
    plot_widths(FOLDER / "widths.png", widths)
    arm = gym.make(ARM, render_mode="rgb_array", **ARM_ARGUMENTS)
    both = {f"dense, {units_of(dense)}": dense, f"pruned, {units_of(agent)}": agent}
    record_gif(FOLDER / "arm.gif", both, arm)
    arm.close()


def describe() -> dict[str, Any]:
    """Return what a run folder says of its settings."""
    return {
        "command": ["python", "-m", "examples.demo"],
        "algorithm": "dqn",
        "options": {"seed": 0, "label": "demo"},
        "strategy": {"name": "clusters", "options": asdict(MERGING)},
        "env": {"id": ARM, "kwargs": ARM_ARGUMENTS},
        "versions": versions(),
    }


def summarise(
    results: Results,
    tested: dict[str, Evaluation],
    tests: list[tuple[int, float]],
) -> dict[str, Any]:
    """Return the summary of a run folder; its curve is that of the validation tests."""
    unknown = dict.fromkeys(["mean_return", "std_return", "interval", "mean_length"])
    episodes = ValidationTest().episodes
    curve = [
        {"timesteps": steps, "units": {}, "episodes": episodes, "success": success}
        for steps, success in tests
    ]
    return results.to_dict() | {
        "test": {when: test.to_dict() for when, test in tested.items()},
        "tests": [unknown | test for test in curve],
    }


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
        f"{summary['seconds']:.0f} s. See {FOLDER}/ (report.html first)."
    )


def main() -> None:
    """Train, prune, compact, measure and draw."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    FOLDER.mkdir(parents=True, exist_ok=True)
    test_env = make_arms(300)
    agent = make_agent(make_arms(ARMS))
    learning = learn(agent, test_env)
    size, tested = measure_size(agent), {"before": evaluate(agent, test_env)}
    agent.save(FOLDER / "dense.zip")
    rounds = prune(agent, test_env)
    plain = sp.compact(agent)
    tested["after"] = evaluate(agent, test_env)
    agent.save(FOLDER / "model.zip")
    plain.save(FOLDER / "plain.zip")
    tests, widths, _ = follow(learning, rounds)
    dense = DQN.load(FOLDER / "dense.zip", device="cpu")
    draw(agent, dense, learning, rounds)
    results = Results(
        fresh=True,
        seconds=time.perf_counter() - began,
        before=size,
        after=measure_size(plain),
        widths=widths,
        tests=[],
        plain_load_equal=plain_is_equal(agent, FOLDER / "plain.zip"),
        plain_problem=None,
    )
    summary = summarise(results, tested, tests) | measure(results, tested)
    summary["validation_passed"] = len(rounds) == ROUNDS + 1 and rounds[-1].passed
    folder = RunFolder(FOLDER)
    folder.write_json(CONFIG, describe())
    folder.write_json(SUMMARY, summary)
    sp.write_report([FOLDER], FOLDER / "report.html")
    show(summary)


if __name__ == "__main__":
    main()
