"""Analyses: what the hidden units of an agent do."""

from sb3_prune.analysis.base import Analysis as Analysis
from sb3_prune.analysis.base import Result as Result
from sb3_prune.analysis.comparison import Comparison as Comparison
from sb3_prune.analysis.comparison import compare as compare
from sb3_prune.analysis.layer_values import LayerValues as LayerValues
from sb3_prune.analysis.reference import random_like as random_like
from sb3_prune.plots.labels import layer_labels as layer_labels
