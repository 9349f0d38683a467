"""Prune Stable-Baselines3 agents while they train.

``__all__`` has what most users type. The policy classes and the algorithms that SB3
does not have can be imported from here, too: :mod:`sb3_prune.policies` and
:mod:`sb3_prune.algorithms` list them. Importing this package registers the planar arms,
``sb3_prune/PlanarArm3-v0`` and its like, with Gymnasium.
"""

import sb3_prune_envs as _envs  # noqa: F401  # registers on import

from sb3_prune.algorithms import *
from sb3_prune.analysis import Analysis
from sb3_prune.callbacks import (
    AfterPruning,
    FeatureCallback,
    PruningCallback,
    ResumableCheckpointCallback,
    ValidationCallback,
)
from sb3_prune.evaluation import evaluate
from sb3_prune.evaluation.complexity import complexity
from sb3_prune.exceptions import SB3PruneError
from sb3_prune.exporters import compact
from sb3_prune.plugins import hookimpl
from sb3_prune.policies import *
from sb3_prune.policies import adopt
from sb3_prune.pruning import prune
from sb3_prune.runs import checkpoints
from sb3_prune.strategies import Strategy
from sb3_prune.surgery import (
    Change,
    Plan,
    add,
    apply,
    keep,
    mask,
    merge,
    remove,
    reset,
    wire,
)

__all__ = [
    "AfterPruning",
    "Analysis",
    "Change",
    "FeatureCallback",
    "Plan",
    "PruningCallback",
    "ResumableCheckpointCallback",
    "SB3PruneError",
    "Strategy",
    "ValidationCallback",
    "add",
    "adopt",
    "apply",
    "checkpoints",
    "compact",
    "complexity",
    "evaluate",
    "hookimpl",
    "keep",
    "mask",
    "merge",
    "prune",
    "remove",
    "reset",
    "wire",
]

__version__ = "0.1.0"
"""Version of the package."""
