"""Testing: what the author of a plug-in runs."""

from sb3_prune.testing.strategies import check_strategy as check_strategy
from sb3_prune.testing.strategies import tiny_models as tiny_models
