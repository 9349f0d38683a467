"""Prune Stable-Baselines3 agents while they train."""

from sb3_prune import surgery as surgery
from sb3_prune.algorithms import BranchingDQN as BranchingDQN
from sb3_prune.policies import BranchingDQNPolicy as BranchingDQNPolicy
from sb3_prune.policies import MaskedActorCriticPolicy as MaskedActorCriticPolicy
from sb3_prune.policies import MaskedCrossQPolicy as MaskedCrossQPolicy
from sb3_prune.policies import MaskedDQNPolicy as MaskedDQNPolicy
from sb3_prune.policies import (
    MaskedMaskableActorCriticPolicy as MaskedMaskableActorCriticPolicy,
)
from sb3_prune.policies import MaskedPolicyMixin as MaskedPolicyMixin
from sb3_prune.policies import MaskedQRDQNPolicy as MaskedQRDQNPolicy
from sb3_prune.policies import (
    MaskedRecurrentActorCriticPolicy as MaskedRecurrentActorCriticPolicy,
)
from sb3_prune.policies import MaskedSACPolicy as MaskedSACPolicy
from sb3_prune.policies import MaskedTD3Policy as MaskedTD3Policy
from sb3_prune.policies import MaskedTQCPolicy as MaskedTQCPolicy
from sb3_prune.policies import adopt as adopt
from sb3_prune.surgery import Change as Change
from sb3_prune.surgery import Plan as Plan
from sb3_prune.surgery import Wiring as Wiring
from sb3_prune.surgery import apply as apply
from sb3_prune.surgery import mask as mask
from sb3_prune.surgery import wire as wire

__version__ = "0.1.0"
