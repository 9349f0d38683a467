"""SAC on features that learn online, and whose units go while it trains.

A minute: ``python examples/learnt_features.py``. Prints the units of every layer, what
the agent costs before and after, and what it gets in Pendulum (untrained about -1300,
-150 is good).
"""

import torch
from sb3_prune_xinet.anatomy import complexity_terms
from stable_baselines3 import SAC
from stable_baselines3.common.env_util import make_vec_env

import sb3_prune as sp

torch.set_num_threads(1)

model = SAC(
    sp.OFEXiSACPolicy,
    make_vec_env("Pendulum-v1", seed=0),
    learning_rate=1e-3,
    learning_starts=500,
    batch_size=128,
    policy_kwargs={"net_arch": [64, 64], "ofe": {"blocks": 2, "units": 16}},
    seed=0,
    device="cpu",
)
print("before:", {name: round(n) for name, n in complexity_terms(model).items()})

# A training this short needs fast thetas, prices that fit its losses, and critics that
# are left alone: prune what will be deployed.
options = {
    "preset": "prune-b",
    "begin": 0.4,
    "relative": 0.1,
    "theta_rate": 0.005,
    "networks": ("ofe.phi_o", "actor"),
}
pruning = sp.PruningCallback("xinet", options)
model.learn(6_000, callback=[sp.FeatureCallback(), pruning])

print("units: ", pruning.history[-1]["units"])
print("after: ", {name: round(n) for name, n in complexity_terms(model).items()})
test_env = make_vec_env("Pendulum-v1", n_envs=10)
print("greedy:", sp.evaluate(model, test_env, episodes=20, seed=1))
