"""Policy classes for the stock algorithms: pass them where SB3 takes a policy."""

from sb3_prune.policies import masked as _masked
from sb3_prune.policies.adoption import adopt
from sb3_prune.policies.branching import BranchingDQNPolicy
from sb3_prune.policies.initialization import xavier
from sb3_prune.policies.masked import *  # noqa: F403  # its __all__ lists them
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
    "xavier",
]
__all__ += _masked.__all__
