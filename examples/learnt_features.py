"""SAC on features that learn online, and whose units go while it trains.

A minute: ``python examples/learnt_features.py``. Prints the units of every layer as they
vanish, what the agent costs before and after, and how often it reaches its goals.
"""

import gymnasium as gym
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.vec_env import DummyVecEnv

import sb3_prune as sp
from sb3_prune.anatomy import complexity_terms

torch.set_num_threads(1)


def make() -> gym.Env:  # type: ignore[type-arg]
    """Make an arm of two joints that turns them by real numbers."""
    return gym.make("sb3_prune/PlanarArm2-v0", action_mode="continuous")


model = SAC(
    sp.OFEXiSACPolicy,
    make(),
    learning_starts=500,
    batch_size=64,
    gamma=0.8,
    policy_kwargs={"net_arch": [32, 32], "ofe": {"blocks": 2, "units": 16}},
    seed=0,
    device="cpu",
)
print("before:", {name: round(n) for name, n in complexity_terms(model).items()})

# A training this short needs a fast theta; the paper's of a million steps does not.
pruning = sp.PruningCallback("xinet", {"preset": "prune-b", "theta_rate": 0.01})
model.learn(4_000, callback=[sp.FeatureCallback(), pruning])

print("units: ", pruning.history[-1]["units"])
print("after: ", {name: round(n) for name, n in complexity_terms(model).items()})
print("greedy:", sp.evaluate(model, DummyVecEnv([make]), episodes=50, seed=1))
