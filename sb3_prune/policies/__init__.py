"""Policy classes for the stock algorithms: pass them where SB3 takes a policy."""

from sb3_prune.policies import masked
from sb3_prune.policies.adoption import adopt
from sb3_prune.policies.applying import apply
from sb3_prune.policies.branching import BranchingDQNPolicy
from sb3_prune.policies.initialization import xavier
from sb3_prune.policies.masked import *
from sb3_prune.policies.mixin import MaskedPolicyMixin
from sb3_prune.policies.ofexi import (
    OFEXiActorCriticPolicy,
    OFEXiPolicyMixin,
    OFEXiSACPolicy,
    OFEXiTD3Policy,
    OFEXiTQCPolicy,
    OFEXiValueSACPolicy,
)
from sb3_prune.policies.value import MaskedValueSACPolicy, ValuePolicyMixin

__all__ = [
    "BranchingDQNPolicy",
    "MaskedPolicyMixin",
    "MaskedValueSACPolicy",
    "OFEXiActorCriticPolicy",
    "OFEXiPolicyMixin",
    "OFEXiSACPolicy",
    "OFEXiTD3Policy",
    "OFEXiTQCPolicy",
    "OFEXiValueSACPolicy",
    "ValuePolicyMixin",
    "adopt",
    "apply",
    "xavier",
]
__all__ += masked.__all__
