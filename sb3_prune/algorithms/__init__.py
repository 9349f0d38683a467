"""Algorithms that Stable-Baselines3 does not have."""

from sb3_prune.algorithms.branching_dqn import BranchingDQN as BranchingDQN
from sb3_prune.algorithms.value_sac import ValueSAC as ValueSAC
