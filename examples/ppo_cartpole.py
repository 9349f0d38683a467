"""PPO learns to balance a pole while three of four of its units are removed.

``python examples/ppo_cartpole.py`` takes half a minute. It prints the widths as they
shrink, and the return of the pruned agent before and after it becomes a plain SB3 zip.
"""

import tempfile
from pathlib import Path

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

import sb3_prune as sp

torch.set_num_threads(1)

env = make_vec_env("CartPole-v1", n_envs=8, seed=0)
model = PPO(
    sp.MaskedActorCriticPolicy,
    env,
    n_steps=64,
    batch_size=128,
    n_epochs=10,
    learning_rate=1e-3,
    gae_lambda=0.9,
    seed=0,
    device="cpu",
)
print("dense:", sp.complexity(model))

pruning = sp.PruningCallback("magnitude", {"final_sparsity": 0.75}, verbose=1)
model.learn(60_000, callback=pruning)

test_env = make_vec_env("CartPole-v1", n_envs=4, seed=100)
mean, std = evaluate_policy(model, test_env, n_eval_episodes=20)
print("pruned:", sp.complexity(model))
print(f"return of the pruned agent: {mean:.0f} +- {std:.0f}")

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "plain.zip")
    sp.compact(model).save(path)
    plain = PPO.load(path, device="cpu")
mean, std = evaluate_policy(plain, test_env, n_eval_episodes=20)
print(f"return of the plain zip:    {mean:.0f} +- {std:.0f}, {plain.policy_kwargs}")
