"""Prune Stable-Baselines3 agents while they train.

Importing this package also registers the planar arms, ``sb3_prune/PlanarArm3-v0`` and
its like, with Gymnasium.
"""

import sb3_prune_envs as _envs  # noqa: F401  # registers on import

from sb3_prune import checkpoints as checkpoints
from sb3_prune import surgery as surgery
from sb3_prune.algorithms import BranchingDQN as BranchingDQN
from sb3_prune.algorithms import ValueSAC as ValueSAC
from sb3_prune.callbacks import FeatureCallback as FeatureCallback
from sb3_prune.callbacks import PruningCallback as PruningCallback
from sb3_prune.callbacks import (
    ResumableCheckpointCallback as ResumableCheckpointCallback,
)
from sb3_prune.callbacks import ValidationCallback as ValidationCallback
from sb3_prune.compact import compact as compact
from sb3_prune.complexity import Complexity as Complexity
from sb3_prune.complexity import complexity as complexity
from sb3_prune.evaluation import Evaluation as Evaluation
from sb3_prune.evaluation import evaluate as evaluate
from sb3_prune.exceptions import SB3PruneError as SB3PruneError
from sb3_prune.hookspecs import hookimpl as hookimpl
from sb3_prune.latency import latency_us as latency_us
from sb3_prune.networks import OFEXiConfig as OFEXiConfig
from sb3_prune.networks import OFEXiNet as OFEXiNet
from sb3_prune.networks import xavier as xavier
from sb3_prune.policies import BranchingDQNPolicy as BranchingDQNPolicy
from sb3_prune.policies import MaskedActorCriticCnnPolicy as MaskedActorCriticCnnPolicy
from sb3_prune.policies import MaskedActorCriticPolicy as MaskedActorCriticPolicy
from sb3_prune.policies import MaskedCrossQPolicy as MaskedCrossQPolicy
from sb3_prune.policies import MaskedDQNCnnPolicy as MaskedDQNCnnPolicy
from sb3_prune.policies import MaskedDQNMultiInputPolicy as MaskedDQNMultiInputPolicy
from sb3_prune.policies import MaskedDQNPolicy as MaskedDQNPolicy
from sb3_prune.policies import (
    MaskedMaskableActorCriticCnnPolicy as MaskedMaskableActorCriticCnnPolicy,
)
from sb3_prune.policies import (
    MaskedMaskableActorCriticPolicy as MaskedMaskableActorCriticPolicy,
)
from sb3_prune.policies import (
    MaskedMaskableMultiInputActorCriticPolicy as MaskedMaskableMultiInputActorCriticPolicy,
)
from sb3_prune.policies import (
    MaskedMultiInputActorCriticPolicy as MaskedMultiInputActorCriticPolicy,
)
from sb3_prune.policies import MaskedPolicyMixin as MaskedPolicyMixin
from sb3_prune.policies import MaskedQRDQNCnnPolicy as MaskedQRDQNCnnPolicy
from sb3_prune.policies import (
    MaskedQRDQNMultiInputPolicy as MaskedQRDQNMultiInputPolicy,
)
from sb3_prune.policies import MaskedQRDQNPolicy as MaskedQRDQNPolicy
from sb3_prune.policies import (
    MaskedRecurrentActorCriticCnnPolicy as MaskedRecurrentActorCriticCnnPolicy,
)
from sb3_prune.policies import (
    MaskedRecurrentActorCriticPolicy as MaskedRecurrentActorCriticPolicy,
)
from sb3_prune.policies import (
    MaskedRecurrentMultiInputActorCriticPolicy as MaskedRecurrentMultiInputActorCriticPolicy,
)
from sb3_prune.policies import MaskedSACCnnPolicy as MaskedSACCnnPolicy
from sb3_prune.policies import MaskedSACMultiInputPolicy as MaskedSACMultiInputPolicy
from sb3_prune.policies import MaskedSACPolicy as MaskedSACPolicy
from sb3_prune.policies import MaskedTD3CnnPolicy as MaskedTD3CnnPolicy
from sb3_prune.policies import MaskedTD3MultiInputPolicy as MaskedTD3MultiInputPolicy
from sb3_prune.policies import MaskedTD3Policy as MaskedTD3Policy
from sb3_prune.policies import MaskedTQCCnnPolicy as MaskedTQCCnnPolicy
from sb3_prune.policies import MaskedTQCMultiInputPolicy as MaskedTQCMultiInputPolicy
from sb3_prune.policies import MaskedTQCPolicy as MaskedTQCPolicy
from sb3_prune.policies import MaskedValueSACPolicy as MaskedValueSACPolicy
from sb3_prune.policies import OFEXiActorCriticPolicy as OFEXiActorCriticPolicy
from sb3_prune.policies import OFEXiSACPolicy as OFEXiSACPolicy
from sb3_prune.policies import OFEXiTD3Policy as OFEXiTD3Policy
from sb3_prune.policies import OFEXiTQCPolicy as OFEXiTQCPolicy
from sb3_prune.policies import OFEXiValueSACPolicy as OFEXiValueSACPolicy
from sb3_prune.policies import ValuePolicyMixin as ValuePolicyMixin
from sb3_prune.policies import adopt as adopt
from sb3_prune.pruning import prune as prune
from sb3_prune.strategies import Agent as Agent
from sb3_prune.strategies import Strategy as Strategy
from sb3_prune.surgery import Change as Change
from sb3_prune.surgery import HiddenLayer as HiddenLayer
from sb3_prune.surgery import Plan as Plan
from sb3_prune.surgery import Wiring as Wiring
from sb3_prune.surgery import apply as apply
from sb3_prune.surgery import mask as mask
from sb3_prune.surgery import wire as wire
from sb3_prune.validation import ValidationTest as ValidationTest
from sb3_prune.validation import success_rate as success_rate

__version__ = "0.1.0"
