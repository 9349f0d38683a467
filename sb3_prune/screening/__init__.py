"""Screening: sort out fresh agents by a number that is measured early."""

from sb3_prune.screening.base import Screener as Screener
from sb3_prune.screening.base import ScreenerConfig as ScreenerConfig
from sb3_prune.screening.base import make_screener as make_screener
from sb3_prune.screening.batches import screen as screen
from sb3_prune.screening.callback import ScreeningCallback as ScreeningCallback
from sb3_prune.screening.gradients import Sensitivity as Sensitivity
from sb3_prune.screening.gradients import sensitivities as sensitivities
from sb3_prune.screening.initialising import draw_until as draw_until
from sb3_prune.screening.solving import SolvedAt as SolvedAt
from sb3_prune.screening.window import Window as Window
