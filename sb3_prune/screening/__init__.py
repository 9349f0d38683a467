"""Screening: sort out fresh agents by a number that is measured early."""

from sb3_prune.screening.base import Screener as Screener
from sb3_prune.screening.base import ScreenerConfig as ScreenerConfig
from sb3_prune.screening.base import make_screener as make_screener
from sb3_prune.screening.batches import screen as screen
from sb3_prune.screening.callback import ScreeningCallback as ScreeningCallback
from sb3_prune.screening.classifying import classify_faster as classify_faster
from sb3_prune.screening.drawing import plot_runs as plot_runs
from sb3_prune.screening.drawing import plot_sweep as plot_sweep
from sb3_prune.screening.efficiency import boost as boost
from sb3_prune.screening.efficiency import boost_interval as boost_interval
from sb3_prune.screening.efficiency import boost_p_value as boost_p_value
from sb3_prune.screening.efficiency import sample_efficiency as sample_efficiency
from sb3_prune.screening.gradients import Sensitivity as Sensitivity
from sb3_prune.screening.gradients import sensitivities as sensitivities
from sb3_prune.screening.independence import relation as relation
from sb3_prune.screening.initialising import draw_until as draw_until
from sb3_prune.screening.judging import Judgement as Judgement
from sb3_prune.screening.judging import judge as judge
from sb3_prune.screening.outcomes import Outcomes as Outcomes
from sb3_prune.screening.rates import success_rates as success_rates
from sb3_prune.screening.solving import SolvedAt as SolvedAt
from sb3_prune.screening.sweep import sweep_thresholds as sweep_thresholds
from sb3_prune.screening.window import Window as Window
