"""To the robot: an arm learns to reach, loses most units, and is driven by C code.

``python examples/to_the_robot.py`` takes about a minute and needs a C compiler. PPO
learns to move a planar arm of three joints. Eight of ten units are removed, and the
agent learns on for a while. The result is exported as one C header, which is compiled
here and drives the arms in its turn. Returns, sizes and the time of a decision are
printed; the header stays in runs/robot, ready to be included in a robot's firmware.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sb3_prune_envs import make_arm_vec
from stable_baselines3 import PPO

import sb3_prune as sp

torch.set_num_threads(1)

FOLDER = Path("runs/robot")
ARM: dict[str, Any] = {"n_joints": 3, "action_mode": "continuous"}
STEPS = 60
EPISODES = 50
MANY = 300


def returns(agent: Any) -> float:
    """Return the mean return of greedy episodes; all agents get the same goals."""
    arms = make_arm_vec(EPISODES, max_episode_steps=STEPS, **ARM)
    arms.seed(7)
    observations, total = arms.reset(), 0.0
    for _ in range(STEPS):
        actions, _ = agent.predict(observations, deterministic=True)
        observations, rewards, _, _ = arms.step(actions)
        total += float(np.mean(rewards))
    return total


def micros(decide: Callable[[], Any]) -> float:
    """Return how long a decision takes, in microseconds."""
    began = time.perf_counter()
    for _ in range(MANY):
        decide()
    return (time.perf_counter() - began) / MANY * 1e6


def show(name: str, agent: Any) -> None:
    """Print what an agent is worth, and how long a decision takes."""
    observation = make_arm_vec(1, **ARM).reset()[0]
    duration = micros(lambda: agent.predict(observation, deterministic=True))
    print(f"{name:6} return {returns(agent):7.2f}, {duration:6.1f} us per decision")


arms = make_arm_vec(64, max_episode_steps=STEPS, **ARM)
model = PPO(
    sp.MaskedActorCriticPolicy,
    arms,
    n_steps=60,
    batch_size=480,
    n_epochs=10,
    learning_rate=1e-3,
    gamma=0.95,
    policy_kwargs={"net_arch": [64, 64]},
    seed=0,
    device="cpu",
)
model.learn(230_400)
show("dense", model)
sp.prune(model, "magnitude", {"final_sparsity": 0.8}, env=arms, episodes=8)
model.learn(76_800, reset_num_timesteps=False)
show("pruned", model)

FOLDER.mkdir(parents=True, exist_ok=True)
header = FOLDER / "arm.h"
check = sp.export(model, "c", header, vecnormalize=None, env=arms, overwrite=True)
robot: Any = sp.load_export(header)
show("in C", robot)
numbers, scratch = robot.own["weights"], robot.own["scratch"]
print(f"{header}: {numbers} numbers, {scratch} bytes of scratch memory")
print(f"actions differ by at most {check.largest_difference:.1e} from the agent's")
