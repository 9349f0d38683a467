"""Algorithms that Stable-Baselines3 does not have."""

from sb3_prune.algorithms.branching_dqn import BranchingDQN
from sb3_prune.algorithms.value_sac import ValueSAC

__all__ = ["BranchingDQN", "ValueSAC"]
