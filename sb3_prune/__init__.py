"""Prune Stable-Baselines3 agents while they train.

``__all__`` has what most users type, the policy classes among it. Importing this
package registers the planar arms, ``sb3_prune/PlanarArm3-v0`` and its like, with
Gymnasium.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import sb3_prune_envs as _envs  # noqa: F401  # registers on import

if TYPE_CHECKING:
    from sb3_prune.front import *

__all__ = [
    "AfterPruning",
    "Analysis",
    "BranchingDQN",
    "BranchingDQNPolicy",
    "Change",
    "FeatureCallback",
    "MaskedActorCriticCnnPolicy",
    "MaskedActorCriticPolicy",
    "MaskedCrossQPolicy",
    "MaskedDQNCnnPolicy",
    "MaskedDQNMultiInputPolicy",
    "MaskedDQNPolicy",
    "MaskedMaskableActorCriticCnnPolicy",
    "MaskedMaskableActorCriticPolicy",
    "MaskedMaskableMultiInputActorCriticPolicy",
    "MaskedMultiInputActorCriticPolicy",
    "MaskedPolicyMixin",
    "MaskedQRDQNCnnPolicy",
    "MaskedQRDQNMultiInputPolicy",
    "MaskedQRDQNPolicy",
    "MaskedRecurrentActorCriticCnnPolicy",
    "MaskedRecurrentActorCriticPolicy",
    "MaskedRecurrentMultiInputActorCriticPolicy",
    "MaskedSACCnnPolicy",
    "MaskedSACMultiInputPolicy",
    "MaskedSACPolicy",
    "MaskedTD3CnnPolicy",
    "MaskedTD3MultiInputPolicy",
    "MaskedTD3Policy",
    "MaskedTQCCnnPolicy",
    "MaskedTQCMultiInputPolicy",
    "MaskedTQCPolicy",
    "MaskedValueSACPolicy",
    "OFEXiActorCriticPolicy",
    "OFEXiPolicyMixin",
    "OFEXiSACPolicy",
    "OFEXiTD3Policy",
    "OFEXiTQCPolicy",
    "OFEXiValueSACPolicy",
    "Plan",
    "PruningCallback",
    "ResumableCheckpointCallback",
    "SB3PruneError",
    "Strategy",
    "ValidationCallback",
    "ValuePolicyMixin",
    "ValueSAC",
    "add",
    "adopt",
    "apply",
    "checkpoints",
    "compact",
    "complexity",
    "evaluate",
    "export",
    "from_scratch",
    "hookimpl",
    "keep",
    "load_export",
    "mask",
    "merge",
    "prune",
    "remove",
    "reset",
    "transplant",
    "wire",
    "write_card",
    "write_report",
]

__version__ = "0.1.0"
"""Version of the package."""


# Torch loads for seconds. So names are imported when they are used (PEP 562), and
# `sb3-prune --help` answers at once. Type checkers see the names above instead.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if not name.startswith("_"):
            if find_spec(f"{__name__}.{name}"):
                return import_module(f"{__name__}.{name}")
            front = import_module(f"{__name__}.front")
            if hasattr(front, name):
                return getattr(front, name)
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}",
            name=name,
            obj=sys.modules[__name__],
        )

    def __dir__() -> list[str]:
        front = import_module(f"{__name__}.front")
        return sorted({*globals(), *vars(front)})
