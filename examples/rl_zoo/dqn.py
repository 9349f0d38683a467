"""DQN in RL Zoo, with pruning: ``--algo dqn --conf-file dqn.py``.

A configuration in Python is a dictionary ``hyperparams``. Here two environments share
their pruning.
"""

from typing import Any

PRUNING = {
    "sb3_prune.PruningCallback": {
        "strategy": "magnitude",
        "config": {"final_sparsity": 0.75, "end": 0.6},
    }
}
SHARED: dict[str, Any] = {
    "policy": "sb3_prune.MaskedDQNPolicy",
    "policy_kwargs": {"net_arch": [256, 256]},
    "callback": [PRUNING],
}

hyperparams: dict[str, dict[str, Any]] = {
    # The settings of RL Zoo.
    "CartPole-v1": {
        **SHARED,
        "n_timesteps": 5e4,
        "learning_rate": 2.3e-3,
        "batch_size": 64,
        "buffer_size": 100_000,
        "learning_starts": 1_000,
        "target_update_interval": 10,
        "train_freq": 256,
        "gradient_steps": 128,
        "exploration_fraction": 0.16,
        "exploration_final_eps": 0.04,
    },
    # All joint moves as one choice, as in Feldotto et al. 2022.
    "sb3_prune/PlanarArm3Joint-v0": {
        **SHARED,
        "n_envs": 64,
        "n_timesteps": 3e5,
        "gamma": 0.8,
        "learning_rate": 1e-3,
        "batch_size": 256,
        "train_freq": 1,
        "gradient_steps": 1,
        "target_update_interval": 500,
        "learning_starts": 5_000,
        "exploration_fraction": 0.3,
    },
}
