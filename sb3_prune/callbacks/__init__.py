"""Callbacks to pass to ``learn()``."""

from sb3_prune.callbacks.after_pruning import AfterPruning as AfterPruning
from sb3_prune.callbacks.checkpoint import (
    ResumableCheckpointCallback as ResumableCheckpointCallback,
)
from sb3_prune.callbacks.features import FeatureCallback as FeatureCallback
from sb3_prune.callbacks.pruning import PruningCallback as PruningCallback
from sb3_prune.callbacks.validation import ValidationCallback as ValidationCallback
