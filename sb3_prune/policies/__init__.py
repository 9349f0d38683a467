"""Policy classes for the stock algorithms."""

from sb3_prune.policies.adopt import adopt as adopt
from sb3_prune.policies.branching import BranchingDQNPolicy as BranchingDQNPolicy
from sb3_prune.policies.masked import (
    MaskedActorCriticCnnPolicy as MaskedActorCriticCnnPolicy,
)
from sb3_prune.policies.masked import MaskedActorCriticPolicy as MaskedActorCriticPolicy
from sb3_prune.policies.masked import MaskedCrossQPolicy as MaskedCrossQPolicy
from sb3_prune.policies.masked import MaskedDQNCnnPolicy as MaskedDQNCnnPolicy
from sb3_prune.policies.masked import (
    MaskedDQNMultiInputPolicy as MaskedDQNMultiInputPolicy,
)
from sb3_prune.policies.masked import MaskedDQNPolicy as MaskedDQNPolicy
from sb3_prune.policies.masked import (
    MaskedMaskableActorCriticCnnPolicy as MaskedMaskableActorCriticCnnPolicy,
)
from sb3_prune.policies.masked import (
    MaskedMaskableActorCriticPolicy as MaskedMaskableActorCriticPolicy,
)
from sb3_prune.policies.masked import (
    MaskedMaskableMultiInputActorCriticPolicy as MaskedMaskableMultiInputActorCriticPolicy,
)
from sb3_prune.policies.masked import (
    MaskedMultiInputActorCriticPolicy as MaskedMultiInputActorCriticPolicy,
)
from sb3_prune.policies.masked import MaskedQRDQNCnnPolicy as MaskedQRDQNCnnPolicy
from sb3_prune.policies.masked import (
    MaskedQRDQNMultiInputPolicy as MaskedQRDQNMultiInputPolicy,
)
from sb3_prune.policies.masked import MaskedQRDQNPolicy as MaskedQRDQNPolicy
from sb3_prune.policies.masked import (
    MaskedRecurrentActorCriticCnnPolicy as MaskedRecurrentActorCriticCnnPolicy,
)
from sb3_prune.policies.masked import (
    MaskedRecurrentActorCriticPolicy as MaskedRecurrentActorCriticPolicy,
)
from sb3_prune.policies.masked import (
    MaskedRecurrentMultiInputActorCriticPolicy as MaskedRecurrentMultiInputActorCriticPolicy,
)
from sb3_prune.policies.masked import MaskedSACCnnPolicy as MaskedSACCnnPolicy
from sb3_prune.policies.masked import (
    MaskedSACMultiInputPolicy as MaskedSACMultiInputPolicy,
)
from sb3_prune.policies.masked import MaskedSACPolicy as MaskedSACPolicy
from sb3_prune.policies.masked import MaskedTD3CnnPolicy as MaskedTD3CnnPolicy
from sb3_prune.policies.masked import (
    MaskedTD3MultiInputPolicy as MaskedTD3MultiInputPolicy,
)
from sb3_prune.policies.masked import MaskedTD3Policy as MaskedTD3Policy
from sb3_prune.policies.masked import MaskedTQCCnnPolicy as MaskedTQCCnnPolicy
from sb3_prune.policies.masked import (
    MaskedTQCMultiInputPolicy as MaskedTQCMultiInputPolicy,
)
from sb3_prune.policies.masked import MaskedTQCPolicy as MaskedTQCPolicy
from sb3_prune.policies.mixin import MaskedPolicyMixin as MaskedPolicyMixin
from sb3_prune.policies.ofexi import OFEXiActorCriticPolicy as OFEXiActorCriticPolicy
from sb3_prune.policies.ofexi import OFEXiPolicyMixin as OFEXiPolicyMixin
from sb3_prune.policies.ofexi import OFEXiSACPolicy as OFEXiSACPolicy
from sb3_prune.policies.ofexi import OFEXiTD3Policy as OFEXiTD3Policy
from sb3_prune.policies.ofexi import OFEXiTQCPolicy as OFEXiTQCPolicy
from sb3_prune.policies.ofexi import OFEXiValueSACPolicy as OFEXiValueSACPolicy
from sb3_prune.policies.value import MaskedValueSACPolicy as MaskedValueSACPolicy
from sb3_prune.policies.value import ValuePolicyMixin as ValuePolicyMixin
