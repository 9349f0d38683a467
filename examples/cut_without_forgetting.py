"""Cut without forgetting: prune a trained agent once, and never train it again.

``python examples/cut_without_forgetting.py`` takes about a minute. PPO learns to
balance a pole. Then 90 % of the units of fresh copies are removed, in three ways: by
the size of their weights alone; with what read them refitted to read the units that
stay; and with the units chosen so that they can express the others. At last, the agent
is made as small as one percent of change in its outputs allows. The widths and the
returns are printed.
"""

import tempfile
from pathlib import Path

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

import sb3_prune as sp

torch.set_num_threads(1)

WAYS = {
    "plain": ("magnitude", {"final_sparsity": 0.9, "compensate": False}),
    "compensated": ("magnitude", {"final_sparsity": 0.9}),
    "reconstruct": ("reconstruct", {"final_sparsity": 0.9}),
    "within 1 %": ("reconstruct", {"tolerance": 0.01}),
}


def show(name: str, model: PPO) -> None:
    """Print what an agent is worth, and the widths of its layers."""
    test_env = make_vec_env("CartPole-v1", n_envs=5, seed=100)
    mean, _ = evaluate_policy(model, test_env, n_eval_episodes=20)
    units = list(sp.wire(model).units().values())
    print(f"{name:12} return {mean:3.0f}, units {units}")


env = make_vec_env("CartPole-v1", n_envs=8, seed=0)
model = PPO(
    "MlpPolicy",
    env,
    n_steps=128,
    batch_size=256,
    n_epochs=20,
    learning_rate=1e-3,
    gae_lambda=0.8,
    gamma=0.98,
    seed=0,
    device="cpu",
)
model.learn(40_000)
show("dense", model)

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "dense.zip")
    model.save(path)
    for name, strategy in WAYS.items():
        pruned = PPO.load(path, device="cpu")
        watched = make_vec_env("CartPole-v1", n_envs=4, seed=9)
        sp.prune(pruned, *strategy, env=watched, episodes=8)
        show(name, pruned)
