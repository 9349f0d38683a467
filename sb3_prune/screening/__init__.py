"""Screening: sort out fresh agents by a number that is measured early."""

from sb3_prune.screening.classifying import classify_faster as classify_faster
from sb3_prune.screening.drawing import plot_runs as plot_runs
from sb3_prune.screening.drawing import plot_sweep as plot_sweep
from sb3_prune.screening.efficiency import boost as boost
from sb3_prune.screening.efficiency import boost_interval as boost_interval
from sb3_prune.screening.efficiency import sample_efficiency as sample_efficiency
from sb3_prune.screening.independence import relation as relation
from sb3_prune.screening.outcomes import Outcomes as Outcomes
from sb3_prune.screening.rates import success_rates as success_rates
from sb3_prune.screening.sweep import sweep_thresholds as sweep_thresholds
