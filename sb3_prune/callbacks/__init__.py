"""Callbacks for ``learn()``."""

from sb3_prune.callbacks.pruning import PruningCallback as PruningCallback
from sb3_prune.callbacks.validation import ValidationCallback as ValidationCallback
