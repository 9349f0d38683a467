"""Testing: checks for authors of plug-ins."""

from sb3_prune.testing.exporters import check_exporter as check_exporter
from sb3_prune.testing.screeners import check_screener as check_screener
from sb3_prune.testing.strategies import check_strategy as check_strategy
from sb3_prune.testing.strategies import tiny_models as tiny_models
