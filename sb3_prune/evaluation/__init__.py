"""Evaluation: the return of an agent, and its cost in units, FLOPs and time."""

from sb3_prune.evaluation.complexity import Complexity as Complexity
from sb3_prune.evaluation.episodes import Evaluation as Evaluation
from sb3_prune.evaluation.episodes import evaluate as evaluate
from sb3_prune.evaluation.latency import latency_us as latency_us
from sb3_prune.evaluation.validation import ValidationTest as ValidationTest
from sb3_prune.evaluation.validation import success_rate as success_rate
