"""SAC with an online features extractor, whose units are removed during training.

``python examples/learnt_features.py`` takes about a minute. It prints the units of
every layer, the agent's parameters before and after pruning, and its return in Pendulum
(about -1300 untrained; -150 is good).
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

# A training this short needs a high learning rate of theta and prices relative to its
# losses. Only the networks that will be deployed are pruned; critics keep their units.
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
